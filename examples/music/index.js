// Music: an LSTM learns six piano rags by Scott Joplin from their MIDI files and writes one of its own, music.mid.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import tonejs from "@tonejs/midi";
import { adam, crossEntropy, dense, dropout, embedding, generate, languageModelData, lstm, Network } from "unrolled";
import { heading, progress, quick, report } from "../common.js";

const { Midi } = tonejs;

// ---- data: notes as tokens, from low to high within a sixteenth, and between two sixteenths a token that says which of the bar's 8 comes

const [lowest, pitches, bar] = [21, 88, 8];
const tokens = pitches + bar;
const next = (/** @type {number} */ sixteenth) => pitches + (sixteenth % bar);

/** Semitones from a key to C. @type {Record<string, number>} */
const toC = { C: 0, Db: -1, D: -2, Eb: -3, E: -4, F: -5, "F#": 6, Gb: 6, G: 5, Ab: 4, A: 3, Bb: 2, B: 1 };

/** A piece in C, whatever key its parts are in. @param {string} file */
function readPiece(file) {
  const midi = new Midi(readFileSync(file));
  const { ppq, keySignatures } = midi.header;
  const notes = midi.tracks.flatMap((track) =>
    track.notes.map(({ ticks, midi: pitch }) => {
      const key = keySignatures.filter((one) => one.ticks <= ticks).at(-1)?.key ?? "C";
      return { sixteenth: Math.round((ticks / ppq) * 4), pitch: pitch + toC[key] };
    }),
  );
  const last = Math.max(...notes.map(({ sixteenth }) => sixteenth));
  return Array.from({ length: last + 1 }, (_, s) => {
    const struck = new Set(notes.filter(({ sixteenth }) => sixteenth === s).map(({ pitch }) => pitch - lowest));
    return [...struck].sort((a, b) => a - b).concat(next(s + 1));
  }).flat();
}

const folder = join(import.meta.dirname, "../data/rags");
const names = readdirSync(folder).filter((name) => name.endsWith(".mid"));
const heldOut = "peacherine-rag.mid";
const training = names.filter((name) => name !== heldOut);
const pieces = training.map((name) => readPiece(join(folder, name)));
const test = readPiece(join(folder, heldOut));
const isNote = (/** @type {number} */ token) => token < pitches;
const count = pieces.flat().filter(isNote).length;
console.log(
  `${count.toLocaleString("en")} notes of ${training.length} rags; held out is the Peacherine Rag, ${test.filter(isNote).length.toLocaleString("en")} notes`,
);

// ---- network: it reads the pieces in seven keys, so that it learns steps and chords rather than keys of the piano

const shifts = quick ? [0] : [-3, -2, -1, 0, 1, 2, 3];
const notes = shifts.flatMap((shift) => pieces.flat().map((token) => (isNote(token) ? token + shift : token)));
const net = new Network({
  input: { tokens },
  layers: [embedding(32), lstm(quick ? 48 : 128), dropout(quick ? 0.2 : 0.5), dense(tokens)],
  seed: 1,
});
console.log(net.summary());
const epochs = quick ? 6 : 4;
const [batch, truncate] = quick ? [8, 32] : [16, 64];
const steps = epochs * Math.ceil(notes.length / batch / truncate);
const validation = languageModelData(Int32Array.from(test), { batch: 1 });
const loss = crossEntropy();
await net.fit(languageModelData(Int32Array.from(notes), { batch }), {
  loss,
  optimizer: adam(),
  learningRate: (step) => 0.01 * Math.max(0.02, 1 - step / steps),
  truncate,
  clipNorm: 1,
  epochs,
  validation, // shown, not used
  ...progress(epochs),
});

// ---- a piece of its own, that goes on from the first four bars of the rag it has not heard

const bars = test.flatMap((token, i) => (token === next(0) ? [i + 1] : [])); // where they end
const begun = test.slice(0, bars[3]);
const written = [...generate(net, { prompt: begun, length: 1200, temperature: 0.7, seed: 1 })];

/** Notes with their sixteenth. @param {number[]} piece */
function toNotes(piece) {
  let sixteenth = 0;
  return piece.flatMap((token) => (isNote(token) ? [{ sixteenth, pitch: token + lowest }] : (sixteenth++, [])));
}
const midi = new Midi();
midi.header.setTempo(80);
midi.header.timeSignatures.push({ ticks: 0, timeSignature: [2, 4] });
const sixteenthTicks = midi.header.ppq / 4;
const played = toNotes(written);
for (const [name, hand] of Object.entries({
  right: played.filter(({ pitch }) => pitch >= 60),
  left: played.filter(({ pitch }) => pitch < 60),
})) {
  const track = midi.addTrack();
  track.name = name;
  for (const { sixteenth, pitch } of hand) {
    const following = hand.find((one) => one.sixteenth > sixteenth)?.sixteenth ?? sixteenth + 4; // held until the hand strikes again
    const durationTicks = Math.min(following - sixteenth, 4) * sixteenthTicks;
    track.addNote({ midi: pitch, ticks: sixteenth * sixteenthTicks, durationTicks, velocity: 0.7 });
  }
}
writeFileSync("music.mid", midi.toArray());

heading(
  `music.mid: ${played.length} notes, ${Math.ceil((played.at(-1)?.sixteenth ?? 0) / bar)} bars; the first ones, sixteenth by sixteenth`,
);
const letters = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
for (let from = 0; from < 4 * bar; from += bar) {
  const cells = Array.from({ length: bar }, (_, i) => {
    const struck = played.filter(({ sixteenth }) => sixteenth === from + i);
    return struck.map(({ pitch }) => letters[pitch % 12] + (Math.floor(pitch / 12) - 1)).join(" ") || "–";
  });
  console.log(cells.join(" | "));
}

// ---- result: all bits, those of the sixteenths too, by the number of notes

/** Bits a note when each token is told by the one before: how often the two stood together. @param {boolean} usesBefore or by itself */
function bitsWithout(usesBefore) {
  const counts = new Float64Array(tokens * tokens).fill(0.1);
  const row = (/** @type {number} */ before) => (usesBefore ? before * tokens : 0);
  const all = pieces.flat();
  for (let i = 1; i < all.length; i++) counts[row(all[i - 1]) + all[i]]++;
  let bits = 0;
  for (let i = 1; i < test.length; i++) {
    const from = row(test[i - 1]);
    const total = counts.subarray(from, from + tokens).reduce((sum, n) => sum + n);
    bits -= Math.log2(counts[from + test[i]] / total);
  }
  return bits / test.filter(isNote).length;
}
const nats = net.evaluate(validation, { loss, truncate: 64 }).loss;
const bits = ((nats / Math.LN2) * (test.length - 1)) / test.filter(isNote).length;
console.log(`each token by itself: ${bitsWithout(false).toFixed(2)} bits a note`);
report(`Mutopia: ${training.length} piano rags, ${count.toLocaleString("en")} notes`, [
  {
    measure: "bits a note of a rag not heard",
    reached: bits,
    atMost: quick ? 4.6 : 4.3,
    baseline: ["told by the token before", bitsWithout(true)],
    digits: 2,
  },
]);
