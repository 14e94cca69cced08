export interface Kind { count: number }
export enum Level { Low, High }
export const double = (it: number): number => it * 2;
