/**
 * Messages as field tables: a table gives the decoder, the encoder and the TypeScript type. Every field
 * is optional (proto3); a field that comes twice merges when it is a message and else the last one wins.
 */
import { WIRE_TYPE, WireError, type WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

export type Field<T> = {
  readonly number: number;
  readonly wireType: number;
  /** Reads one occurrence; `previous` is what earlier occurrences gave. */
  readonly read: (reader: WireReader, previous: T | undefined) => T;
  /** Writes the field with its tag, or nothing when proto3 leaves the value out. */
  readonly write: (writer: WireWriter, value: T) => void;
};

export interface MessageSchema<T> {
  read(reader: WireReader, previous?: T): T;
  write(writer: WireWriter, value: T): void;
}

// A table mixes fields of different types; `Field` is invariant in its type, so only `any` spans them.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Fields = Record<string, Field<any>>;
export type MessageOf<F extends Fields> = {
  [Name in keyof F]?: (F[Name] extends Field<infer T> ? T : never) | undefined;
};
/** The TypeScript type of a schema. */
export type Decoded<S> = S extends MessageSchema<infer T> ? T : never;

/** More labels, addresses or cipher names than this in one message are refused. */
const MAX_ENTRIES = 256;

/** @param oneofs groups of field names of which the last one read stands alone. */
export function message<F extends Fields>(
  fields: F,
  oneofs: (keyof F & string)[][] = [],
): MessageSchema<MessageOf<F>> {
  const names = Object.keys(fields) as (keyof F & string)[];
  const byNumber = new Map(names.map((name) => [fields[name]?.number, name]));
  return {
    read(reader, previous = {}) {
      const value: MessageOf<F> = { ...previous };
      while (!reader.atEnd) {
        const { number, wireType } = reader.tag();
        const name = byNumber.get(number);
        const field = name === undefined ? undefined : fields[name];
        // A known number with another wire type is an unknown field to every protobuf decoder.
        if (name === undefined || field?.wireType !== wireType) {
          reader.skip(wireType);
          continue;
        }
        value[name] = field.read(reader, value[name]) as MessageOf<F>[typeof name];
        for (const group of oneofs) {
          if (!group.includes(name)) continue;
          for (const other of group) if (other !== name) Reflect.deleteProperty(value, other);
        }
      }
      return value;
    },
    write(writer, value) {
      for (const name of names) {
        const one: unknown = value[name];
        if (one !== undefined) fields[name]?.write(writer, one);
      }
    },
  };
}

/** Encodes a value of a schema without a tag. */
export function encode<T>(schema: MessageSchema<T>, value: T): Buffer {
  const writer = new WireWriter();
  schema.write(writer, value);
  return writer.finish();
}

export function nested<T>(number: number, schema: MessageSchema<T>): Field<T> {
  return {
    number,
    wireType: WIRE_TYPE.bytes,
    read: (reader, previous) => schema.read(reader.nested(), previous),
    write: (writer, value) => {
      writer.nested(number, (inner) => {
        schema.write(inner, value);
      });
    },
  };
}

export function string(number: number): Field<string> {
  return {
    number,
    wireType: WIRE_TYPE.bytes,
    read: (reader) => reader.string(),
    write: (writer, value) => {
      if (value !== '') writer.string(number, value);
    },
  };
}

export function bytes(number: number): Field<Uint8Array> {
  return {
    number,
    wireType: WIRE_TYPE.bytes,
    read: (reader) => Uint8Array.from(reader.bytes()),
    write: (writer, value) => {
      writer.bytes(number, value);
    },
  };
}

/** Only for members of a oneof, where zero is written too. */
export function fixed32(number: number): Field<number> {
  return {
    number,
    wireType: WIRE_TYPE.fixed32,
    read: (reader) => reader.fixed32(),
    write: (writer, value) => {
      writer.tag(number, WIRE_TYPE.fixed32);
      writer.fixed32(value);
    },
  };
}

export function uint32(number: number): Field<number> {
  return varintField(number, (reader) => reader.uint32());
}

/** int32 and enums. Negative values are read, never written. */
export function int32(number: number): Field<number> {
  return varintField(number, (reader) => reader.int32());
}

export function bool(number: number): Field<boolean> {
  return {
    number,
    wireType: WIRE_TYPE.varint,
    read: (reader) => reader.bool(),
    write: (writer, value) => {
      if (!value) return;
      writer.tag(number, WIRE_TYPE.varint);
      writer.varint(1);
    },
  };
}

export function uint64(number: number): Field<bigint> {
  return bigintField(number, (reader) => reader.uint64());
}

/** Negative values are read, never written. */
export function int64(number: number): Field<bigint> {
  return bigintField(number, (reader) => reader.int64());
}

/** google.protobuf.StringValue, BoolValue and UInt32Value: present or absent, with one inner field 1. */
export const stringValue = (number: number): Field<string> => wrapper(number, string(1), '');
export const boolValue = (number: number): Field<boolean> => wrapper(number, bool(1), false);
export const uint32Value = (number: number): Field<number> => wrapper(number, uint32(1), 0);

export function repeatedString(number: number): Field<string[]> {
  return {
    number,
    wireType: WIRE_TYPE.bytes,
    read: (reader, previous = []) => {
      if (previous.length >= MAX_ENTRIES) throw new WireError('too many entries');
      return [...previous, reader.string()];
    },
    write: (writer, value) => {
      for (const one of value) writer.string(number, one);
    },
  };
}

const mapEntry = message({ key: string(1), value: string(2) });

/** map<string, string>. Keys come from the network: they are defined, never assigned (`__proto__`). */
export function stringMap(number: number): Field<Record<string, string>> {
  return {
    number,
    wireType: WIRE_TYPE.bytes,
    read: (reader, previous = {}) => {
      const { key = '', value = '' } = mapEntry.read(reader.nested());
      if (!Object.hasOwn(previous, key) && Object.keys(previous).length >= MAX_ENTRIES) {
        throw new WireError('too many entries');
      }
      return { ...previous, [key]: value };
    },
    write: (writer, value) => {
      for (const [key, text] of Object.entries(value)) {
        writer.nested(number, (inner) => {
          inner.string(1, key);
          inner.string(2, text);
        });
      }
    },
  };
}

function wrapper<T>(number: number, inner: Field<T>, empty: T): Field<T> {
  const schema = message({ value: inner });
  return {
    number,
    wireType: WIRE_TYPE.bytes,
    read: (reader, previous) => schema.read(reader.nested(), { value: previous }).value ?? empty,
    write: (writer, value) => {
      writer.nested(number, (body) => {
        inner.write(body, value);
      });
    },
  };
}

function varintField(number: number, read: (reader: WireReader) => number): Field<number> {
  return {
    number,
    wireType: WIRE_TYPE.varint,
    read,
    write: (writer, value) => {
      if (value === 0) return;
      writer.tag(number, WIRE_TYPE.varint);
      writer.varint(value);
    },
  };
}

function bigintField(number: number, read: (reader: WireReader) => bigint): Field<bigint> {
  return {
    number,
    wireType: WIRE_TYPE.varint,
    read,
    write: (writer, value) => {
      if (value === 0n) return;
      writer.tag(number, WIRE_TYPE.varint);
      writer.varint(value);
    },
  };
}
