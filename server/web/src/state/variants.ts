/* The variants of what follows an item, among a conversation and its forks. A pure function of their lineage. */
import type { Conversation } from "../api/types";

/** The conversations of which one can be chosen behind an item, in the order in which they were made. */
export interface Variants {
  /** The last item that they share; null is that they share none. */
  readonly afterItemId: string | null;
  /** The newest conversation of each branch; the one that is looked at stands for its own. */
  readonly conversationIds: readonly string[];
  readonly index: number;
}

interface Parting {
  /** Items that both have. */
  readonly position: number;
  readonly itemId: string | null;
}

/** Where the conversation parts from the others of its family, from the first such place to the last. */
export function variantsOf(id: string, family: readonly Conversation[]): Variants[] {
  const byId = new Map(family.map((one) => [one.id, one]));
  const own = byId.get(id);
  if (!own) return [];
  const groups = new Map<number, { itemId: string | null; others: Conversation[] }>();
  for (const other of family) {
    const parting = other.id === id ? null : partingOf(own, other, byId);
    if (!parting) continue;
    const group = groups.get(parting.position) ?? { itemId: parting.itemId, others: [] };
    group.others.push(other);
    groups.set(parting.position, group);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([position, { itemId, others }]) => {
    const branches = [[own], ...branchesOf(others, position, byId)].map(oldestFirst).sort(byAge);
    return {
      afterItemId: itemId,
      conversationIds: branches.map((branch) => (branch.includes(own) ? own : newestOf(branch)).id),
      index: branches.findIndex((branch) => branch.includes(own)),
    };
  });
}

/** Conversations that go on alike beyond a position, together. */
function branchesOf(others: readonly Conversation[], position: number, byId: Map<string, Conversation>): Conversation[][] {
  const branches: Conversation[][] = [];
  for (const other of others) {
    const branch = branches.find(([first]) => first && (partingOf(first, other, byId)?.position ?? -1) > position);
    if (branch) branch.push(other);
    else branches.push([other]);
  }
  return branches;
}

/** The earliest place at which either chain of forks left what both have in common; null without a common ancestor. */
function partingOf(one: Conversation, other: Conversation, byId: Map<string, Conversation>): Parting | null {
  const ancestors = lineOf(one, byId);
  const line = lineOf(other, byId);
  const common = line.findIndex((ancestor) => ancestors.includes(ancestor));
  const shared = line[common];
  if (!shared) return null;
  const forks = [...ancestors.slice(0, ancestors.indexOf(shared)), ...line.slice(0, common)];
  const points = forks.flatMap(({ forked_from }) => (forked_from ? [forked_from] : []));
  const earliest = points.reduce((a, b) => (b.position < a.position ? b : a), points[0]!);
  return { position: earliest.position, itemId: earliest.item_id };
}

/** A conversation, what it was forked from, and so on. */
function lineOf(conversation: Conversation, byId: Map<string, Conversation>): Conversation[] {
  const line: Conversation[] = [];
  for (let next: Conversation | undefined = conversation; next && !line.includes(next); ) {
    line.push(next);
    next = next.forked_from ? byId.get(next.forked_from.conversation_id) : undefined;
  }
  return line;
}

const oldestFirst = (branch: Conversation[]): Conversation[] => branch.sort((a, b) => age(a, b));
const byAge = ([a]: Conversation[], [b]: Conversation[]): number => age(a!, b!);
/** Forks of one second are told apart by what they were forked from: a fork is younger than its source. */
const age = (a: Conversation, b: Conversation): number =>
  a.created_at - b.created_at || Number(Boolean(a.forked_from)) - Number(Boolean(b.forked_from));
const newestOf = (branch: Conversation[]): Conversation =>
  branch.reduce((a, b) => (b.updated_at > a.updated_at ? b : a), branch[0]!);
