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
  /** Zeros written ahead of small log records at a time. */
  logZeroBytes: 64 << 10,
  /** Unsynced bytes at which an append starts the next sync itself. */
  groupBytesMax: 4 << 20,
  groupDelayMs: 5,
  /** Rows in memory, all series, at which the head is sealed. */
  headBytesMax: 64 << 20,
  /** Rows in memory worth a seal at close; fewer stay in the log. */
  closeSealBytesMin: 1 << 20,
  manifestRotateBytes: 4 << 20,
  openFilesMax: 128,
  /** Seals, compactions, snapshots and the like that were asked for and have not ended. */
  worksMax: 1024,
  /** Free bytes of the file system below which no rows are taken; less where there never were many:
   *  an eighth of the most that was seen. */
  freeBytesMin: 16 << 20,
  /** The log looks at the free bytes after growing by so many. */
  freeLookBytes: 4 << 20,
  /** Kept in a file for what must still be written when the disk is full; at most an eighth of what
   *  is free. */
  reserveBytes: 8 << 20,
} as const
