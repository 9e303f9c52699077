/* The conversations by how long ago they were gone on with; more of them come as one scrolls. */
import { useEffect, useRef } from "preact/hooks";

import type { Conversation } from "../api/types";
import { ageGroup } from "../format";
import { fetchMore, hasMore, isListed, shown, shownPinned, showsArchive } from "../state/conversations";
import { words } from "../words";
import { ConversationEntry } from "./ConversationEntry";

export function ConversationList() {
  const end = useRef<HTMLButtonElement>(null);
  const entries = shown.value;
  useEffect(() => {
    if (!end.current) return undefined;
    const observer = new IntersectionObserver(([seen]) => seen?.isIntersecting && void fetchMore(), {
      root: end.current.closest(".conversations"),
      rootMargin: "400px 0px",
    });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [hasMore.value, entries.length]);
  return (
    <div class="conversations">
      <Group name={words.sidebar.pinned} entries={shownPinned.value} />
      {[...byAge(entries)].map(([name, group]) => (
        <Group key={name} name={name} entries={group} />
      ))}
      {isListed.value && !entries.length && !shownPinned.value.length && (
        <p class="muted none">{showsArchive.value ? words.sidebar.noneArchived : words.sidebar.none}</p>
      )}
      {hasMore.value && (
        <button ref={end} type="button" class="button older" onClick={() => void fetchMore()}>
          {words.sidebar.more}
        </button>
      )}
    </div>
  );
}

function Group({ name, entries }: { name: string; entries: readonly Conversation[] }) {
  if (!entries.length) return null;
  return (
    <section class="group">
      <h2 class="group-name">{name}</h2>
      <ul>
        {entries.map((entry) => (
          <ConversationEntry key={entry.id} entry={entry} />
        ))}
      </ul>
    </section>
  );
}

function byAge(entries: readonly Conversation[]): Map<string, Conversation[]> {
  const groups = new Map<string, Conversation[]>();
  for (const entry of entries) {
    const name = words.sidebar.groups[ageGroup(entry.family?.updated_at ?? entry.updated_at)];
    const group = groups.get(name);
    if (group) group.push(entry);
    else groups.set(name, [entry]);
  }
  return groups;
}
