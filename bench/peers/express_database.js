"use strict";
// The driver of both Express peers: query(sql, values) → rows, for better-sqlite3 and node-postgres alike.
// `prepares`: each statement is prepared once; without, better-sqlite3 prepares it at every call and PostgreSQL plans it.

exports.connect = function connect(prepares) {
  const file = process.env.BENCH_SQLITE_FILE;
  return file ? connectSqlite(file, prepares) : connectPostgresql(prepares);
};

function connectSqlite(file, prepares) {
  const Database = require("better-sqlite3");
  const database = new Database(file);
  database.pragma("synchronous = FULL"); // as all other sides here; by itself it answers before the disk has a change
  const statements = new Map();
  const marked = (sql) => sql.replace(/\$\d+/g, "?"); // all statements here count their values in order
  const plain = (value) => (typeof value === "boolean" ? Number(value) : (value ?? null));
  return function query(sql, values) {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare(marked(sql));
      if (prepares) statements.set(sql, statement);
    }
    const given = values.map(plain);
    return statement.reader ? statement.all(given) : (statement.run(given), []);
  };
}

function connectPostgresql(prepares) {
  const { Pool } = require("pg");
  const pool = new Pool();
  const names = new Map();
  return async function query(sql, values) {
    if (!prepares) return (await pool.query(sql, values)).rows;
    let name = names.get(sql);
    if (name === undefined) names.set(sql, (name = "s" + names.size));
    return (await pool.query({ name, text: sql, values })).rows;
  };
}
