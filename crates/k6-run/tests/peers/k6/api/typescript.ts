// Types, enums, parameters that are properties, imports of types alone.
import http from 'k6/http';
import { Options } from 'k6/options';
import { check, type JSONValue } from 'k6';
import type { Nothing } from './nowhere.ts';
import { Level, double as twice, type Kind } from '../lib/typed.ts';

interface Answer<T extends object = {}> { body: T; }
type Names = ['a', ...string[]];
export const options: Options = { iterations: 2, thresholds: { checks: ['rate==1'] } };

abstract class Base<T> {
  protected constructor(public readonly name: string, private value?: T) {}
  abstract shout(): string;
  get(): T | undefined { return this.value; }
}
class Loud extends Base<number> implements Kind {
  count!: number;
  static made: number = 0;
  constructor(name: string) { super(name, 7); Loud.made += 1; }
  shout(this: Loud): string { return `${this.name}!`; }
}
function pick(kind: 'a'): number;
function pick(kind: 'b'): string;
function pick(kind: any): any { return kind === 'a' ? 1 : 'two'; }
const many = <T,>(one: T, ...rest: T[]): T[] => [one, ...rest];
enum Colour { Red, Green = 5, Blue, Mixed = Green | Blue, Text = 'text' }

export default function (data: unknown): void {
  const loud = new Loud('hey');
  const r = http.get(`${__ENV.BASE_URL}/json`) as any as { status: number; json(): Answer };
  const names = ['a', 'b'] satisfies Names;
  check(loud, {
    'properties': (it) => it.name === 'hey' && it.get()! === 7 && it.shout() === 'hey!',
    'overloads': () => pick('a') === 1 && <string>pick('b') === 'two',
    'generics': () => many<number>(1, 2).length === names.length,
    'enums': () => Colour[5] === 'Green' && Colour.Blue === 6 && Colour.Mixed === 7 && Colour.Text === 'text' && Level.High === 1,
    'modules': () => twice(4) === 8,
    'request': () => r.status === 200 && (r.json() as any).a === 1,
  });
}
