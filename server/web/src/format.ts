/* Numbers and times as people read them. */

export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** Tokens a second. */
export const speed = (perSecond: number): string => perSecond.toFixed(perSecond < 10 ? 1 : 0);

export const percent = (logprob: number): string => {
  const share = Math.exp(logprob) * 100;
  return `${share >= 10 || share === 0 ? share.toFixed(0) : share.toPrecision(2)} %`;
};

/** A number of tokens, short: 950, 2.1k, 128k. */
export const short = (number: number): string =>
  number < 1000 ? String(number) : `${(number / 1000).toFixed(number < 10_000 ? 1 : 0)}k`;

/** When something was: the time today, else the day, too. Seconds since the epoch. */
export function time(seconds: number, now = new Date()): string {
  const when = new Date(seconds * 1000);
  const clock: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
  const isToday = when.toDateString() === now.toDateString();
  return isToday ? when.toLocaleTimeString([], clock) : when.toLocaleString([], { ...clock, month: "short", day: "numeric" });
}

export type AgeGroup = "today" | "yesterday" | "week" | "older";

/** How long ago a moment is, in days of the calendar. Seconds since the epoch. */
export function ageGroup(seconds: number, now = new Date()): AgeGroup {
  const midnight = new Date(now).setHours(0, 0, 0, 0) / 1000;
  const day = 24 * 3600;
  if (seconds >= midnight) return "today";
  if (seconds >= midnight - day) return "yesterday";
  return seconds >= midnight - 7 * day ? "week" : "older";
}
