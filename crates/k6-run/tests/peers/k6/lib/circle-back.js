// The other of two that import each other.
import { here } from './circle.js';
export const there = () => 'back to ' + here;
