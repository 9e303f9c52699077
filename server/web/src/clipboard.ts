/* Puts text on the clipboard. Answers whether it is there.
 *
 * A page that is not served over HTTPS has no `navigator.clipboard`: there a hidden field is
 * selected and copied, as it was done before.
 */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text);
  }
}

function copySelected(text: string): boolean {
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.className = "copy-field";
  field.value = text;
  document.body.append(field);
  field.select();
  const isCopied = tryCopy();
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return isCopied;
}

function tryCopy(): boolean {
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  }
}
