// A promise that nobody keeps is not waited for.
import { check } from 'k6';
export const options = { iterations: 2 };
export default async function () {
  check(null, { before: true });
  await new Promise(() => {});
  check(null, { after: true });
}
