// Every bound in one place; a queue without a bound does not exist.

export const limits = {
  /** Rows of one column in a vector. Part of the format. */
  vectorRows: 1024,
  /** Rows in a block. Part of the format. */
  blockRowsMax: 64 * 1024,
  symbolBytesMax: 128,
  kindNameBytesMax: 64,
  columnNameBytesMax: 64,
  columnsMax: 256,
  producerIdBytesMax: 256,
  snapshotNameBytesMax: 128,
  /** One text or json value: a block of them must not pass what u32 offsets hold. */
  textBytesMax: 65_535,
  /** One append call, encoded. */
  appendBytesMax: 64 << 20,
  /** A log record, header included. */
  logRecordBytesMax: 128 << 20,
  logRotateBytes: 256 << 20,
  /** Unsynced bytes at which an append starts the next sync itself. */
  groupBytesMax: 4 << 20,
  groupDelayMs: 5,
  /** Rows in memory, all series, at which the head is sealed. */
  headBytesMax: 64 << 20,
  /** Rows in memory worth a seal at close; fewer stay in the log. */
  closeSealBytesMin: 1 << 20,
  manifestRotateBytes: 4 << 20,
  openFilesMax: 128,
} as const
