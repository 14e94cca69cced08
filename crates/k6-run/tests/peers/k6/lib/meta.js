// A module in a folder of its own.
export const where = import.meta.resolve('./line.txt');
export const later = () => import.meta.resolve('./late.txt');
