/** The keys that work everywhere: one list, for the keyboard and for the help. */

/** @type {readonly {keys: string, text: string}[]} */
export const SHORTCUTS = [
  { keys: "Ctrl K", text: "Search, or run a command" },
  { keys: "/", text: "Filter the hosts in the navigator" },
  { keys: "Arrow keys", text: "Move in the navigator, in tables that are edited, and in menus" },
  { keys: "Enter", text: "Open what the navigator is at" },
  { keys: "Space", text: "Turn a cell of the CPU or access matrix on or off" },
  { keys: "Ctrl Z, Ctrl Shift Z", text: "Undo and redo an edit of the draft" },
  { keys: "Escape", text: "Close a dialog, a menu or the search" },
];
