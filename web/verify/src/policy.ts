// C2SP tlog-policy.
import { decimal, fits, hex } from "./bytes.ts";
import { form } from "./fault.ts";
import { ed25519Cosigner, ed25519Log, type Key, mlDsa44, parseKey } from "./note.ts";

interface Member {
  /** A witness has a key; a group has members and how many of them it takes. */
  key?: Key;
  members?: string[];
  least?: number;
}

export interface Policy {
  logs: Key[];
  witnesses: Key[];
  members: Map<string, Member>;
  quorum: string;
}

export async function parsePolicy(policy: string): Promise<Policy> {
  form(fits(policy, 1), "policy");
  form(!/[^\t\n\x20-\x7e\x80-\u{10ffff}]|[\u{d800}-\u{dfff}]/u.test(policy), "policy");
  const lines = policy.split("\n");
  form(lines.pop() === "", "policy");

  const found: Policy = { logs: [], witnesses: [], members: new Map(), quorum: "" };
  const [placed, used] = [new Set<string>(), new Set<string>()];

  for (const [i, line] of lines.entries()) {
    const at = `policy:${i + 1}`;
    const [word, ...rest] = line.split(/[ \t]+/).filter(Boolean);
    if (!word || word.startsWith("#")) continue;

    const add = async (list: Key[], vkey: string, types: number[]): Promise<Key> => {
      const key = await parseKey(vkey, types, at);
      // Whatever its name; but a log and a cosigner may share a key.
      const mark = word + hex(key.key);
      form(!used.has(mark), at);
      used.add(mark);
      list.push(key);
      return key;
    };
    const define = (name: string, member: Member): void => {
      form(name !== "none" && !found.members.has(name), at);
      found.members.set(name, member);
    };

    const { length } = rest;
    if (word === "log" && length > 0 && length < 3) {
      await add(found.logs, rest[0]!, [ed25519Log]);
    } else if (word === "witness" && length > 1 && length < 4) {
      define(rest[0]!, { key: await add(found.witnesses, rest[1]!, [ed25519Cosigner, mlDsa44]) });
    } else if (word === "group" && length >= 3) {
      const [name, count, ...members] = rest as [string, string, ...string[]];
      const least = count === "any" ? 1 : count === "all" ? members.length : decimal(count);
      form(!!least && least <= members.length, at);
      for (const member of members) {
        form(found.members.has(member) && !placed.has(member), at);
        placed.add(member);
      }
      define(name, { members, least });
    } else if (word === "quorum" && length === 1 && !found.quorum) {
      found.quorum = rest[0]!;
      form(found.quorum === "none" || found.members.has(found.quorum), at);
    } else {
      form(false, at);
    }
  }
  form(found.quorum !== "", "policy");
  return found;
}

/**
 * The greatest time T such that cosignatures at or after T alone meet the quorum; nothing if it is
 * not met. A group that takes k members is met from the k-th latest time of its members on.
 * With `quorum none` it is the time of the head.
 */
export function cosignedUntil(policy: Policy, times: Map<Key, number>, head?: number): number | undefined {
  if (policy.quorum === "none") return head;
  const until = new Map<string, number>();
  // Groups name only what stands before them, so one pass in order is enough.
  for (const [name, { key, members, least }] of policy.members) {
    const time = key
      ? times.get(key)
      : members!
          .flatMap((member) => until.get(member) ?? [])
          .sort((a, b) => b - a)
          .at(least! - 1);
    if (time !== undefined) until.set(name, time);
  }
  return until.get(policy.quorum);
}
