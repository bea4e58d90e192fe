// What clients may send. Whatever breaks a rule is answered with 400 and a sentence that names the field.
const rules = {
  title: {
    wanted: "a string of 1 to 200 characters, not only spaces",
    holds: (value) => isText(value, 200) && value.trim() !== "",
  },
  content: {
    wanted: "a string of at most 10000 characters",
    holds: (value) => isText(value, 10_000),
  },
  tags: {
    wanted: "a list of strings",
    holds: (value) => Array.isArray(value) && value.every((tag) => typeof tag === "string"),
  },
};

/** The fields of a new note, defaults filled in. */
export function readNote(body) {
  const { title, content = "", tags = [] } = readObject(body);
  return checked({ title, content, tags });
}

/** Those fields of a note that the client wants to change. */
export function readChange(body) {
  const sent = Object.entries(readObject(body)).filter(([name]) => Object.hasOwn(rules, name));
  return checked(Object.fromEntries(sent));
}

/** The parameters of the list, as numbers and strings. */
export function readFilter({ page, limit, q, tag }) {
  return {
    page: readNumber("page", page, 1, Number.MAX_SAFE_INTEGER),
    limit: readNumber("limit", limit, 20, 100),
    q: readString("q", q),
    tag: readString("tag", tag),
  };
}

function readObject(body) {
  if (typeof body !== "object" || body === null || Array.isArray(body)) refuse("the body must be a JSON object");
  return body;
}

function checked(fields) {
  for (const [name, value] of Object.entries(fields)) {
    if (!rules[name].holds(value)) refuse(`${name} must be ${rules[name].wanted}`);
  }
  return fields;
}

/** Characters are counted as Unicode counts them: `length` would count an emoji twice. */
function isText(value, limit) {
  return typeof value === "string" && [...value].length <= limit;
}

function readNumber(name, text, fallback, max) {
  if (text === undefined) return fallback;
  const number = /^\d+$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > max) refuse(`${name} must be a whole number from 1 to ${max}`);
  return number;
}

function readString(name, value) {
  if (value !== undefined && typeof value !== "string") refuse(`${name} must be given once`);
  return value;
}

function refuse(message) {
  throw Object.assign(new Error(message), { status: 400 });
}
