/* Every string of rendered markdown that a person reads or hears.
 *
 * Knows no component: the page may show these in another language by changing this object.
 */
export const markdownWords = {
  copy: "Copy",
  copied: "Copied",
  image: "image",
  plainCode: "text",
  code: (language: string) => `Code, ${language}`,
  copyCode: (language: string) => `Copy code, ${language}`,
  table: "Table",
  formula: "Formula",
  done: "Done",
  toDo: "To do",
};
