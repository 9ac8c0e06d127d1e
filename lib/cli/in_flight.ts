/** Operations that are under way, bounded in number and size: input of any length then takes bounded memory. */
export class InFlight {
  readonly #most: { readonly count: number; readonly size: number };
  #count = 0;
  #size = 0;
  #failure: { readonly error: unknown } | undefined = undefined;
  #wake: () => void = () => {};

  constructor(most: { readonly count: number; readonly size: number }) {
    this.#most = most;
  }

  /** One of them has failed: no other should follow. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Adds an operation; resolves when there is room for another one, or no need of one. */
  async add(operation: Promise<unknown>, size: number): Promise<void> {
    this.#count++;
    this.#size += size;
    const settle = (): void => {
      this.#count--;
      this.#size -= size;
      this.#wake();
    };
    operation.then(settle, (error: unknown) => {
      this.#failure ??= { error };
      settle();
    });
    await this.#until(() => this.failed || this.#count < this.#most.count && this.#size < this.#most.size);
  }

  /** Resolves when all have settled. */
  async settled(): Promise<void> {
    await this.#until(() => this.#count === 0);
  }

  /** Throws what the first has failed with. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake = resolve);
  }
}
