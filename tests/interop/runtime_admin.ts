import { get } from "node:http";

/** One entry of the runtime's list of TCP sessions. */
export interface RuntimeSession {
  readonly env: string;
  readonly subsystem: string;
  /** The path of the application. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly version: string;
  readonly idc: string;
  readonly group: string;
  readonly purpose: "pub" | "sub";
}

/** The admin interface of a runtime, over HTTP. */
export class RuntimeAdmin {
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** All sessions that the runtime knows, those that are gone for it not counted. */
  async sessions(): Promise<RuntimeSession[]> {
    return JSON.parse(await this.#get("/client/tcp")) as RuntimeSession[];
  }

  /** Makes the runtime say goodbye to a client. */
  async reject({ host, port }: Pick<RuntimeSession, "host" | "port">): Promise<void> {
    await this.#command(`/clientManage/rejectClientByIpPort?ip=${host}&port=${port}`);
  }

  /** Makes the runtime send a client elsewhere: it does so 5 s later. */
  async redirect(
    { host, port }: Pick<RuntimeSession, "host" | "port">,
    target: { readonly host: string; readonly port: number },
  ): Promise<void> {
    const to = `desteventmeshIp=${target.host}&desteventmeshport=${target.port}`;
    await this.#command(`/clientManage/redirectClientByIpPort?ip=${host}&port=${port}&${to}`);
  }

  async #command(path: string): Promise<void> {
    const text = await this.#get(path);
    if (!/success/.test(text)) throw new Error(`The runtime answered ${path} with: ${text}`);
  }

  /** On a stream of its own, which is gone when this resolves. */
  #get(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = get({ host: "127.0.0.1", port: this.#port, path, agent: false }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => text += chunk);
        response.on("error", reject);
        response.on("end", () => {
          request.destroy();
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`The runtime answered ${path} with status ${response.statusCode}: ${text}`));
        });
      });
      request.on("error", reject);
    });
  }
}
