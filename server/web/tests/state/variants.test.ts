import { describe, expect, it } from "vitest";

import { variantsOf } from "../../src/state/variants";
import { conversation, fork } from "../things";

const root = conversation("root");
/** root: q1 a1 q2 a2; again: another a2; edited: another q2; deeper: another a2 of `again`. */
const again = fork("again", "root", "q2", 3, 2);
const edited = fork("edited", "root", "a1", 2, 3);
const deeper = fork("deeper", "again", "q2", 3, 4);
const later = fork("later", "root", "q3", 5, 5);
const family = [later, deeper, edited, again, root];

describe("variants", () => {
  it("are not there in a conversation without forks", () => {
    expect(variantsOf("root", [root])).toEqual([]);
    expect(variantsOf("unknown", family)).toEqual([]);
  });

  it("stand behind the item that they share, oldest first", () => {
    expect(variantsOf("root", [root, again])).toEqual([
      { afterItemId: "q2", conversationIds: ["root", "again"], index: 0 },
    ]);
    expect(variantsOf("again", [root, again])).toEqual([
      { afterItemId: "q2", conversationIds: ["root", "again"], index: 1 },
    ]);
  });

  it("of a variant are variants of the first, too", () => {
    const found = variantsOf("deeper", [root, again, deeper]);
    expect(found).toEqual([{ afterItemId: "q2", conversationIds: ["root", "again", "deeper"], index: 2 }]);
  });

  it("are told apart by where they part", () => {
    expect(variantsOf("root", family)).toEqual([
      { afterItemId: "a1", conversationIds: ["root", "edited"], index: 0 },
      { afterItemId: "q2", conversationIds: ["root", "again", "deeper"], index: 0 },
      { afterItemId: "q3", conversationIds: ["root", "later"], index: 0 },
    ]);
  });

  it("that part later are one branch, for which the newest of them stands", () => {
    const found = variantsOf("again", family).find(({ afterItemId }) => afterItemId === "q2");
    expect(found).toEqual({ afterItemId: "q2", conversationIds: ["later", "again", "deeper"], index: 1 });
  });

  it("from the very beginning share no item", () => {
    const other = fork("other", "root", null, 0, 6);
    expect(variantsOf("other", [root, other])).toEqual([
      { afterItemId: null, conversationIds: ["root", "other"], index: 1 },
    ]);
  });

  it("whose source is gone are none", () => {
    expect(variantsOf("again", [again, { ...edited, forked_from: null }])).toEqual([]);
  });
});
