/**
 * Writes `web/dist/client/turnkeep.d.ts`: the types of the client library in one file without imports, for the pages of
 * others. Out of the compiler's own declarations of `web/client/turnkeep.ts`: what is reachable from its exports, without
 * what is marked @internal. Types of the contract are written out as they are inferred from its schemas.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = resolve(import.meta.dirname, '..');
const ENTRY = join(ROOT, 'web/client/turnkeep.ts');
const OUT = join(ROOT, 'web/dist/client/turnkeep.d.ts');

const { config, error } = ts.readConfigFile(join(ROOT, 'web/tsconfig.json'), (path) =>
  ts.sys.readFile(path),
) as {
  config: object;
  error?: ts.Diagnostic;
};
if (error !== undefined) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, '\n'));
const parsed = ts.parseJsonConfigFileContent(config, ts.sys, join(ROOT, 'web'));
const options: ts.CompilerOptions = {
  ...parsed.options,
  ...{
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    stripInternal: true,
    isolatedModules: false,
  },
};
const program = ts.createProgram([ENTRY], options);
const checker = program.getTypeChecker();

/** A statement of the emitted declarations, and the module that it is from. */
type Declared = { node: ts.Statement; text: string };
const declared = new Map<string, Declared>();
const exported = new Map<string, string>();
/** Names of contract types that the client imports, with their declarations there. */
const contract = new Map<string, ts.Symbol>();

for (const source of program.getSourceFiles()) {
  if (!source.fileName.includes('/web/client/')) continue;
  const isEntry = source.fileName === ENTRY;
  program.emit(
    source,
    (_path, text) => {
      collect(ts.createSourceFile(source.fileName, text, ts.ScriptTarget.Latest, true), isEntry);
    },
    undefined,
    true,
  );
  for (const statement of source.statements) {
    if (!ts.isImportDeclaration(statement) || !statement.getText().includes('daemon/contract')) continue;
    const names = statement.importClause?.namedBindings;
    if (names === undefined || !ts.isNamedImports(names)) continue;
    for (const { name } of names.elements) {
      const symbol = checker.getSymbolAtLocation(name);
      if (symbol !== undefined) contract.set(name.text, checker.getAliasedSymbol(symbol));
    }
  }
}

const written = new Map<string, string>();
const queue = [...exported.values()];
for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
  if (written.has(name)) continue;
  const known = declared.get(name);
  const symbol = contract.get(name);
  if (known !== undefined) {
    written.set(name, known.text);
    queue.push(...namesIn(known.node));
  } else if (symbol !== undefined) {
    written.set(name, `type ${name} = ${writtenOut(symbol)};`);
  }
}
const aliases = [...exported].map(([as, name]) => (as === name ? name : `${name} as ${as}`));
const body = [...written.values()].join('\n\n');
mkdirSync(dirname(OUT), { recursive: true });
writeFileSync(
  OUT,
  `/** Types of the Turnkeep client library, generated from its source. */\n\n${body}\n\nexport { ${aliases.sort().join(', ')} };\n`,
);

function collect(file: ts.SourceFile, isEntry: boolean): void {
  for (const node of file.statements) {
    if (
      ts.isExportDeclaration(node) &&
      node.exportClause !== undefined &&
      ts.isNamedExports(node.exportClause)
    ) {
      if (!isEntry) continue;
      for (const { name, propertyName } of node.exportClause.elements) {
        exported.set(name.text, (propertyName ?? name).text);
      }
      continue;
    }
    const names = declaredNames(node);
    if (names.length === 0) continue;
    const text = plain(node);
    for (const name of names) declared.set(name, { node, text });
    const isExported = ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(isExport) === true;
    if (isEntry && isExported) for (const name of names) exported.set(name, name);
  }
}

function declaredNames(node: ts.Statement): string[] {
  if (ts.isVariableStatement(node)) {
    return node.declarationList.declarations.map(({ name }) => name.getText());
  }
  const named =
    ts.isClassDeclaration(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isInterfaceDeclaration(node);
  return named && node.name !== undefined ? [node.name.text] : [];
}

function isExport(modifier: ts.ModifierLike): boolean {
  return modifier.kind === ts.SyntaxKind.ExportKeyword;
}

/** As text with its comment, without `export`: what is public is said at the end. What others cannot make has no constructor. */
function plain(node: ts.Statement): string {
  const text = node
    .getFullText()
    .trim()
    .replace(/^((?:\/\*[\s\S]*?\*\/\s*)*)export /, '$1');
  const start = text.replace(/^(?:\/\*[\s\S]*?\*\/\s*)*/, '');
  const ambient = start.startsWith('declare ') || /^(?:type|interface) /.test(start);
  const whole = ambient ? text : text.replace(start, `declare ${start}`);
  if (!ts.isClassDeclaration(node) || node.members.some((one) => ts.isConstructorDeclaration(one)))
    return whole;
  // What others extend is not private.
  const access = node.heritageClauses === undefined ? 'protected' : 'private';
  return whole.replace(/\{/, `{\n    ${access} constructor();`);
}

/** Every identifier in it: one that is no type of ours is not found and costs nothing. */
function namesIn(node: ts.Node): string[] {
  const names: string[] = [];
  const visit = (one: ts.Node): void => {
    if (ts.isIdentifier(one)) names.push(one.text);
    ts.forEachChild(one, visit);
  };
  visit(node);
  return names;
}

function writtenOut(symbol: ts.Symbol): string {
  const { NoTruncation, InTypeAlias, MultilineObjectLiterals, UseSingleQuotesForStringLiteralType } =
    ts.TypeFormatFlags;
  const flags: ts.TypeFormatFlags =
    NoTruncation | InTypeAlias | MultilineObjectLiterals | UseSingleQuotesForStringLiteralType;
  return checker.typeToString(checker.getDeclaredTypeOfSymbol(symbol), undefined, flags);
}
