/** Every text of the page. Another language is another module with the same keys. */

import { en } from "./en";

export const texts = en;
