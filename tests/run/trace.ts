/**
 * Holds every test of every file to the grammar of an end.
 *
 * @module
 */
import { traceGate } from "../support/trace.ts";

traceGate();
