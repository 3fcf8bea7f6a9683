/**
 * Errors with a stable `code`. A wrong kind of argument is a TypeError and a wrong size or value a RangeError (the
 * helpers in validate.ts make both); files and numbers have classes of their own, because a program may want to react to them.
 */

export type FormatErrorCode =
  /** The bytes do not follow the file format. */
  | "malformed"
  /** The file ends before what it announces. */
  | "truncated"
  /** The format is followed, but a part of it is not supported here. */
  | "unsupported"
  /** The file is sound, but its tensors are not those of the network. */
  | "mismatch";

/** A file that cannot be read: `code` says which way. The message names the part at fault and the cure. */
export class FormatError extends Error {
  override readonly name = "FormatError";
  readonly code: FormatErrorCode;

  constructor(code: FormatErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A loss or gradient that is NaN or infinite. The step that produced it has not been applied. */
export class NumericError extends Error {
  override readonly name = "NumericError";
  readonly code = "not-finite";
  /** Optimiser steps applied before the failing one. */
  readonly step: number;
  /** Name of the first parameter whose gradient is not finite, or "loss". */
  readonly at: string;

  constructor(message: string, step: number, at: string) {
    super(message);
    this.step = step;
    this.at = at;
  }
}
