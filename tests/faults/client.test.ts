import { clientFaults } from "./client.ts";
import { memory } from "./kit.ts";

clientFaults(memory);
