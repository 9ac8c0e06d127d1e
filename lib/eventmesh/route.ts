import type { Server } from "./url.ts";

/** Which server is next: a list that is gone through in a circle, and the one where the last redirect led. */
export class Route {
  #servers: readonly Server[];
  #at = 0;
  /** The first server is not of the list: a redirect led there. */
  #redirected = false;

  constructor(servers: readonly Server[]) {
    this.#servers = servers;
  }

  /** Servers that it leads to. */
  get size(): number {
    return this.#servers.length;
  }

  /** The server at hand. */
  get current(): Server {
    return this.#servers[this.#at]!;
  }

  /** All servers, for people, in the order in which they are tried. */
  get text(): string {
    return this.#inOrder().map(({ text }) => text).join(", ");
  }

  /** Goes on to the next server. */
  next(): Server {
    this.#at = (this.#at + 1) % this.#servers.length;
    return this.current;
  }

  /** Goes to the server of a redirect. Of those outside the list only the last is kept. */
  redirect(server: Server): void {
    const known = this.#servers.findIndex(({ text, tls }) => text === server.text && tls === server.tls);
    if (known >= 0) {
      this.#at = known;
      return;
    }
    this.#servers = [server, ...this.#redirected ? this.#servers.slice(1) : this.#servers];
    this.#redirected = true;
    this.#at = 0;
  }

  /** A route of its own to the same servers, beginning with the one at hand. */
  fork(): Route {
    return new Route(this.#inOrder());
  }

  #inOrder(): Server[] {
    return [...this.#servers.slice(this.#at), ...this.#servers.slice(0, this.#at)];
  }
}
