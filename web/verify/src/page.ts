/**
 * Lets a page of the person's own space check its proof. The page is whole without it; what the
 * script needs stands in the markup (see the README). The secret never leaves the page.
 */
import { type Bytes, hex, text as decode, utf8 } from "./bytes.ts";
import { sha256, subtle } from "./crypto.ts";
import { type Code, type Found, type Memory, verifyCompleteness } from "./verify.ts";

/** A look that ended well, as it is remembered. */
interface Look extends Memory {
  /** Unix seconds. */
  time: number;
}

type State = Code | "checking" | "secret" | "offline";
type Values = Record<string, string>;

/** The bytes at the address, or nothing if they cannot be had. */
async function load(address: string | undefined): Promise<Bytes | undefined> {
  try {
    const response = await fetch(address!, { cache: "no-store" });
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
  } catch {
    return undefined;
  }
}

/** Months and people apart: two who share a device must not be taken for one whose list changed. */
async function placeOf(secret: Uint8Array, period: number): Promise<string> {
  return `kepil-proof/${period}/${hex(await sha256(utf8("kepil-memory/v1"), secret)).slice(0, 32)}`;
}

function recall(place: string): Look | null {
  try {
    return JSON.parse(localStorage.getItem(place)!) as Look | null;
  } catch {
    return null;
  }
}

/** Says whether there was room, and a browser that allows it. */
function remember(place: string, look: Look): boolean {
  try {
    localStorage.setItem(place, JSON.stringify(look));
    return true;
  } catch {
    return false;
  }
}

function formats(language: string): { numbers: Intl.NumberFormat; times: Intl.DateTimeFormat } {
  // Chromium says it knows Kazakh and calls the months M01 to M12. What a browser does not speak
  // stands as 2026-11-20 17:00 and 1 200, which Swedish does and everybody can read.
  const known =
    Intl.DateTimeFormat.supportedLocalesOf(language).length > 0 &&
    !/^M\d/.test(new Intl.DateTimeFormat(language, { month: "long" }).format(0));
  const spoken = known ? language : "sv";
  const times = new Intl.DateTimeFormat(spoken, {
    year: "numeric",
    month: known ? "long" : "2-digit",
    day: "numeric",
    hour: "numeric",
    minute: "2-digit",
    timeZoneName: "short",
  });
  return { numbers: new Intl.NumberFormat(spoken), times };
}

function enhance(section: HTMLElement): void {
  const form = section.querySelector("form");
  const input = form?.querySelector<HTMLInputElement>("input[name=secret]");
  const output = section.querySelector<HTMLElement>("[data-kepil-result]");
  if (!form || !input || !output) return;

  const { numbers, times } = formats(section.closest<HTMLElement>("[lang]")?.lang || navigator.language);
  const when = (seconds: number): string => times.format(seconds * 1000);

  /** The page's words for it; nothing if it has none. */
  const text = (name: string, values: Values = {}): string | undefined =>
    section
      .querySelector<HTMLTemplateElement>(`template[data-kepil-text="${name}"]`)
      ?.content.textContent?.replace(/\s+/g, " ")
      .trim()
      .replace(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
  const say = (state: State, ...sentences: (string | undefined)[]): void => {
    output.dataset["kepilResult"] = state;
    // Better a code than silence.
    output.textContent = sentences.filter(Boolean).join(" ") || state;
  };
  const fail = (state: State): void => say(state, text(state));

  const succeed = (found: Found, last: Look | null, place: string, now: number): void => {
    const values: Values = {
      until: when(found.completeUntil),
      cosigned: when(found.cosignedUntil),
      last: last ? when(last.time) : "",
    };
    const { count, shown, erased, deferred, withheld, notOpened, overdue } = found;
    const counts = { count, shown, erased, deferred, withheld, overdue, kept: deferred + withheld, sealed: notOpened };
    for (const [name, value] of Object.entries(counts)) values[name] = numbers.format(value);
    const kept = remember(place, { ...found.memory, time: now });
    say(
      "ok",
      text("complete", values),
      found.closed ? text("closed", values) : undefined,
      overdue ? text("overdue", values) : undefined,
      last ? text("compared", values) : undefined,
      text(kept ? "remembered" : "forgotten", values),
    );
  };

  const check = async (): Promise<void> => {
    const digits = input.value.trim();
    if (!/^[0-9a-f]{64}$/i.test(digits)) return fail("secret");
    const secret = Uint8Array.from({ length: 32 }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
    fail("checking");

    const { dataset } = section;
    const files = await Promise.all([dataset["proof"], dataset["policy"], dataset["anchor"]].map(load));
    // Not the browser's own reading, which drops a byte order mark and mends what is no UTF-8.
    const [proof, policy, anchor] = files.map((file) => file && decode(file));
    if (files.includes(undefined)) return fail("offline");
    if (proof === undefined || policy === undefined || anchor === undefined) return fail("malformed");
    const period = Number(dataset["period"]);
    const now = Math.floor(Date.now() / 1000);
    const place = await placeOf(secret, period);
    const memory = recall(place);
    const { code, result } = await verifyCompleteness({
      secret,
      period,
      proof,
      policy,
      anchor,
      now,
      memory,
    });
    if (!result) return fail(code);
    input.value = "";
    succeed(result, memory, place, now);
  };

  // Nothing is sent, whatever the markup says and even if the rest of this script should fail.
  form.method = "dialog";
  let busy = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    void check().finally(() => (busy = false));
  });

  // Without WebCrypto there is no use in asking for the secret.
  if (!subtle) return fail("unsupported");
  output.textContent = "";
  form.hidden = false;
}

document.querySelectorAll<HTMLElement>("section[data-kepil-proof]").forEach(enhance);
