import { afterAll } from "vitest";
import { type JavaSdkVersion, type RunningPeer, startJava } from "../peers/mod.ts";
import { JavaSdk } from "./sdk.ts";

/** Starts the program `Sdk.java` for versions of the SDK, once for a file, and stops what it has started at its end. */
export function useJava(): (version: JavaSdkVersion) => Promise<JavaSdk> {
  const peers: RunningPeer[] = [];
  const sdks = new Map<JavaSdkVersion, Promise<JavaSdk>>();
  afterAll(() => Promise.all(peers.map((peer) => peer.stop())));
  const start = async (version: JavaSdkVersion): Promise<JavaSdk> => {
    const peer = await startJava(new URL("./Sdk.java", import.meta.url), { sdk: version, ready: /"ready"/ });
    peers.push(peer);
    return new JavaSdk(version, peer.process);
  };
  return (version) => {
    const known = sdks.get(version);
    if (known !== undefined) return known;
    const sdk = start(version);
    sdks.set(version, sdk);
    return sdk;
  };
}
