// The scans (DICOM) among the files of a folder, as one ZIP file without compression: what a patient's CD holds beside them,
// programs to look at them, is left out. Nothing is copied: the parts of the file stay where they are until they are sent.
const MOST_FILES = 65_535;
const MOST_BYTES = 0xffff_ffff;
// A day that stands for none: the same folder makes the same file, so that an upload can be gone on with.
const [TIME, DAY] = [0, 0x21];
// Names are in UTF-8.
const FLAGS = 0x800;

const TABLE = Uint32Array.from({ length: 256 }, (_, number) => {
  for (let bit = 0; bit < 8; bit += 1) number = number & 1 ? (number >>> 1) ^ 0xedb88320 : number >>> 1;
  return number;
});

async function isScan(file) {
  return file.size > 132 && (await file.slice(128, 132).text()) === "DICM";
}

async function checkSum(file) {
  let sum = 0xffffffff;
  const reader = file.stream().getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    for (const byte of piece.value) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  }
  return (sum ^ 0xffffffff) >>> 0;
}

// [bytes of the number, number] …
function record(...parts) {
  const view = new DataView(new ArrayBuffer(parts.reduce((sum, [bytes]) => sum + bytes, 0)));
  let place = 0;
  for (const [bytes, number] of parts) {
    if (bytes === 2) view.setUint16(place, number, true);
    else view.setUint32(place, number, true);
    place += bytes;
  }
  return view.buffer;
}

// Resolves to a File, or to nothing where the folder holds no scan. Rejects where a file cannot be read, or all are too large.
export async function scansOf(files) {
  const [body, list] = [[], []];
  const ordered = [...files].sort((one, other) => (one.webkitRelativePath < other.webkitRelativePath ? -1 : 1));
  let [place, count] = [0, 0];
  let listed = 0;
  for (const file of ordered) {
    if (!(await isScan(file))) continue;
    const name = new TextEncoder().encode(file.webkitRelativePath);
    const about = [[2, 20], [2, FLAGS], [2, 0], [2, TIME], [2, DAY], [4, await checkSum(file)], [4, file.size], [4, file.size], [2, name.length], [2, 0]];
    const head = record([4, 0x04034b50], ...about);
    const entry = record([4, 0x02014b50], [2, 20], ...about, [2, 0], [2, 0], [2, 0], [4, 0], [4, place]);
    body.push(head, name, file);
    list.push(entry, name);
    place += head.byteLength + name.length + file.size;
    listed += entry.byteLength + name.length;
    count += 1;
    if (count > MOST_FILES || place + listed > MOST_BYTES) throw new RangeError("more than a ZIP file holds");
  }
  if (!count) return undefined;
  const end = record([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, listed], [4, place], [2, 0]);
  const folder = ordered[0].webkitRelativePath.split("/")[0] || "CD";
  return new File([...body, ...list, end], `${folder}.zip`);
}
