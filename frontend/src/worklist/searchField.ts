/** The field to search the list with, beside the address bar that says what is searched for. */

export interface SearchField {
  /** As typed. */
  words: string;
  /** For what it has searched last. */
  asked: string;
  /** What the address bar said when it was last looked at. */
  given: string;
}

/** The field once the address bar says this: what comes from elsewhere, such as clearing all filters, replaces the words. */
export function followed(field: SearchField, given: string): SearchField {
  if (given === field.given) return field;
  return { words: given === field.asked ? field.words : given, asked: given, given };
}
