// One of two that import each other.
import { there } from './circle-back.js';
export const here = 'one';
export const both = () => here + there();
