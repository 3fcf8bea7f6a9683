/**
 * The header of a safetensors file: u64 length, then JSON. For files that `Network.load` has found sound: it checks every
 * byte, and here the result is only listed.
 */

export interface TensorEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** In bytes. */
  readonly size: number;
}

export interface Header {
  readonly tensors: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

type HeaderJSON = Readonly<Record<string, Entry>> & { readonly __metadata__?: Header["metadata"] };

/** Reads the header of a sound file. */
export function readHeader(bytes: Uint8Array): Header {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true); // a sound header is below 100 MB
  const json = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(json) as HeaderJSON;
  const tensors = Object.entries(entries).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ]) => {
      return { name, dtype, shape, size: end - begin };
    },
  );
  return { tensors, metadata };
}
