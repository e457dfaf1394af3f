// What of a number of places is kept for those who have none: so whoever comes first cannot have all of them.

/** A twentieth, at least one; nothing where there are too few to share. */
export const reserveOf = (most: number): number => (most < 4 ? 0 : Math.ceil(most / 20));
