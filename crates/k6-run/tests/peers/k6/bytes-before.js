// A mark of the order of bytes before a script, and line ends of two characters.
import { check } from "k6";
export const options = { iterations: 1 };
export default function () {
  check(`a
b`.length, { "three": (n) => n === 3 });
}
