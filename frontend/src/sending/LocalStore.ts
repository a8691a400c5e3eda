/** Work of one user on one scan or volume, kept in this browser until the server has it. */

import { createStore, del, get, keys, set } from "idb-keyval";

export class LocalStore<Value> {
  private readonly store: ReturnType<typeof createStore>;

  /** A database holds one table: each kind of thing that is kept has a database of its own. */
  constructor(database: string, table: string) {
    this.store = createStore(database, table);
  }

  async get(user: string, scan: string): Promise<Value | undefined> {
    return get<Value>(keyOf(user, scan), this.store);
  }

  async keep(user: string, scan: string, value: Value): Promise<void> {
    await set(keyOf(user, scan), value, this.store);
  }

  async drop(user: string, scan: string): Promise<void> {
    await del(keyOf(user, scan), this.store);
  }

  /** The scans and volumes, by their ids, on which this person has something here. */
  async scans(user: string): Promise<string[]> {
    const prefix = keyOf(user, "");
    return (await keys<string>(this.store))
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length));
  }
}

function keyOf(user: string, scan: string): string {
  return `${user}/${scan}`;
}
