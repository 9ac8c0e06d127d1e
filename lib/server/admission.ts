import { OverflowError } from "../errors.ts";
import type { Transport } from "../net/transport.ts";

/** Counts connections against the limits of a server. */
export class Admission {
  readonly #limit: number;
  readonly #limitPerAddress: number;
  readonly #perAddress: Map<string, number> = new Map();
  #size = 0;

  constructor(limits: { readonly connections: number; readonly perAddress: number }) {
    this.#limit = limits.connections;
    this.#limitPerAddress = limits.perAddress;
  }

  /** Counts one more connection until it leaves, or says why that is one too many. */
  enter(transport: Transport): OverflowError | undefined {
    const address = addressOf(transport);
    const count = this.#perAddress.get(address) ?? 0;
    if (this.#size >= this.#limit) return refusal(transport, this.#limit, "are open");
    if (count >= this.#limitPerAddress) {
      return refusal(transport, this.#limitPerAddress, "from this address are open");
    }
    this.#size++;
    if (address !== "" && this.#limitPerAddress !== Infinity) this.#perAddress.set(address, count + 1);
    return undefined;
  }

  leave(transport: Transport): void {
    this.#size--;
    const address = addressOf(transport);
    const count = this.#perAddress.get(address);
    if (count === undefined) return;
    if (count > 1) this.#perAddress.set(address, count - 1);
    else this.#perAddress.delete(address);
  }
}

function refusal({ remote }: Transport, limit: number, what: string): OverflowError {
  const message = `Cannot accept a connection from ${remote}: ${limit} of ${limit} ${what}`;
  return new OverflowError(message, { capacity: limit });
}

/** Without the port. The peers of a unix socket have no address. */
function addressOf({ kind, remote }: Transport): string {
  return kind === "unix" ? "" : remote.slice(0, remote.lastIndexOf(":"));
}
