/**
 * The version of this package, for hello messages and the command line.
 *
 * @module
 */

/** Semantic version of this package. Both manifests carry the same one. */
export const VERSION: string = "0.1.0";
