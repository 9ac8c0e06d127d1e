// The mirror of @std/async that npm installs carries no types: what the library and its tests use is declared here.

declare module "@std/async/delay" {
  export interface DelayOptions {
    signal?: AbortSignal;
    persistent?: boolean;
  }

  export function delay(ms: number, options?: DelayOptions): Promise<void>;
}
