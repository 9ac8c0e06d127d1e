import { describe, expect, it } from "vitest";
import { addFailure, PonyfillSuppressedError, SuppressedError } from "../../lib/lifecycle/suppressed.ts";

conforms("ponyfill SuppressedError", PonyfillSuppressedError);
if (globalThis.SuppressedError !== undefined) conforms("native SuppressedError", globalThis.SuppressedError);

function conforms(name: string, Class: SuppressedErrorConstructor): void {
  describe(name, () => {
    it("keeps both errors and the message, none of them enumerable", () => {
      const [late, early] = [new Error("late"), new Error("early")];
      const error = new Class(late, early, "both failed");
      expect(error.error).toBe(late);
      expect(error.suppressed).toBe(early);
      expect(error.message).toBe("both failed");
      for (const key of ["error", "suppressed", "message"]) {
        const property = Object.getOwnPropertyDescriptor(error, key);
        expect(property).toMatchObject({ writable: true, enumerable: false, configurable: true });
      }
    });

    it("has own error and suppressed properties when they are undefined, and no own message without one", () => {
      const error = new Class(undefined, undefined);
      expect(Object.hasOwn(error, "error")).toBe(true);
      expect(Object.hasOwn(error, "suppressed")).toBe(true);
      expect(Object.hasOwn(error, "message")).toBe(false);
      expect(error.message).toBe("");
    });

    it("is an Error in every respect", () => {
      const error = new Class(1, 2, "text");
      expect(error).toBeInstanceOf(Class);
      expect(error).toBeInstanceOf(Error);
      expect(Object.prototype.toString.call(error)).toBe("[object Error]");
      expect(String(error)).toBe("SuppressedError: text");
      expect(error.stack).toContain("suppressed.test");
      expect(Object.getPrototypeOf(Class)).toBe(Error);
      expect(Object.getPrototypeOf(Class.prototype)).toBe(Error.prototype);
    });

    it("has the properties of a built-in error class", () => {
      expect(Class.name).toBe("SuppressedError");
      expect(Class.length).toBe(3);
      const frozen = { writable: false, enumerable: false, configurable: false };
      expect(Object.getOwnPropertyDescriptor(Class, "prototype")).toMatchObject(frozen);
      const own = Object.getOwnPropertyDescriptors(Class.prototype);
      const hidden = { writable: true, enumerable: false, configurable: true };
      expect(own).toEqual({
        constructor: { value: Class, ...hidden },
        name: { value: "SuppressedError", ...hidden },
        message: { value: "", ...hidden },
      });
    });

    it("makes an error when called without new", () => {
      const error = Class(1, 2, "text");
      expect(error).toBeInstanceOf(Class);
      expect([error.error, error.suppressed, error.message]).toEqual([1, 2, "text"]);
    });

    it("turns the message into a string, and throws what that throws", () => {
      expect(new Class(1, 2, { toString: () => "made" } as unknown as string).message).toBe("made");
      expect(new Class(1, 2, null as unknown as string).message).toBe("null");
      expect(() => new Class(1, 2, Symbol("text") as unknown as string)).toThrow(TypeError);
    });

    it("ignores a fourth argument", () => {
      const Loose = Class as unknown as new (...values: unknown[]) => Error;
      expect(Object.hasOwn(new Loose(1, 2, "text", { cause: 3 }), "cause")).toBe(false);
    });

    it("can be subclassed", () => {
      class Named extends Class {
        override name = "Named";
      }
      const error = new Named(1, 2, "text");
      expect(error).toBeInstanceOf(Named);
      expect(error).toBeInstanceOf(Class);
      expect(Object.getPrototypeOf(error)).toBe(Named.prototype);
      expect([error.error, error.suppressed, String(error)]).toEqual([1, 2, "Named: text"]);
    });
  });
}

describe("SuppressedError", () => {
  it("is the native class where there is one", () => {
    expect(SuppressedError).toBe(globalThis.SuppressedError ?? PonyfillSuppressedError);
  });

  it("is a type, too", () => {
    const error: SuppressedError = new SuppressedError(1, 2);
    expect(error).toBeInstanceOf(Error);
  });
});

describe("addFailure", () => {
  it("keeps a single error as it is", () => {
    const error = new Error("only");
    expect(addFailure(undefined, error).error).toBe(error);
  });

  it("suppresses the earlier error, undefined included", () => {
    const failure = addFailure(addFailure(undefined, undefined), "late");
    expect(failure.error).toBeInstanceOf(SuppressedError);
    expect(failure.error).toMatchObject({ error: "late", suppressed: undefined });
  });
});
