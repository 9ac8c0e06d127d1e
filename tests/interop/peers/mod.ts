/**
 * Real peers: found or fetched, started on free ports, and never left behind.
 *
 * @module
 */
export { type EventMeshRuntime, type EventMeshRuntimeOptions, startEventMesh } from "./eventmesh.ts";
export { eventMesh, type EventMeshVersion } from "./eventmesh_home.ts";
export { type JavaOptions, javaProgram, javaSdk, type JavaSdkVersion, startJava } from "./java.ts";
export {
  type NatsServer,
  natsServer,
  type NatsServerOptions,
  type NatsVersion,
  natsVersions,
  startNats,
  startNatsCluster,
} from "./nats.ts";
export { type Peer, peer, withPeers } from "./needs.ts";
export { type PeerPlan, RunningPeer, startPeer } from "./peer.ts";
export { type PeerEnd, PeerProcess, startProcess } from "./process.ts";
export { type RocketMq, rocketMq, startRocketMq } from "./rocketmq.ts";
