import process from "node:process";

/** Collects what nobody has looked after. */
export interface Unhandled {
  readonly errors: readonly unknown[];
  /** Stops collecting. */
  end(): void;
}

/** Watches the process for unhandled rejections and uncaught exceptions. */
export function watchUnhandled(): Unhandled {
  const errors: unknown[] = [];
  const note = (error: unknown): void => void errors.push(error);
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
  return {
    errors,
    end() {
      process.off("unhandledRejection", note);
      process.off("uncaughtException", note);
    },
  };
}
