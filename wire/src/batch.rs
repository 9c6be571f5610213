//! Record batches, magic 2 (§2.1). The encoder is our own: it writes exactly the header that it is given, so that a
//! dialogue can send what no well-behaved client would.

use std::sync::Arc;

use fencepost_protocol::batch::*;

use crate::error::Problem;
use crate::varint;

type Read<T> = Result<T, Problem>;

const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;
/// Record header that carries a record's [`Origin`].
const ORIGIN: &[u8] = b"fencepost.origin";

/// Bytes of a blob. Generated ones are their id in hexadecimal, repeated.
fn bytes_of(blob: &Blob) -> Vec<u8> {
    match blob {
        Blob::Bytes(bytes) => bytes.to_vec(),
        Blob::Generated { id, len } => format!("{id:016x}").bytes().cycle().take(*len as usize).collect(),
    }
}

fn put_blob(out: &mut Vec<u8>, blob: Option<&[u8]>) {
    varint::put(out, blob.map_or(-1, |b| b.len() as i64));
    out.extend_from_slice(blob.unwrap_or_default());
}

fn put_record(
    out: &mut Vec<u8>,
    delta: usize,
    timestamp_delta: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    origin: Origin,
) {
    let mut body = vec![0u8]; // attributes
    varint::put(&mut body, timestamp_delta);
    varint::put(&mut body, delta as i64);
    put_blob(&mut body, key);
    put_blob(&mut body, value);
    if origin == Origin::default() {
        varint::put(&mut body, 0);
    } else {
        varint::put(&mut body, 1);
        put_blob(&mut body, Some(ORIGIN));
        let mut header = Vec::new();
        header.extend(origin.source.to_be_bytes());
        header.extend(origin.partition.to_be_bytes());
        header.extend(origin.offset.to_be_bytes());
        header.extend(origin.stage.to_be_bytes());
        header.extend(origin.index.to_be_bytes());
        put_blob(&mut body, Some(&header));
    }
    varint::put(out, body.len() as i64);
    out.extend(body);
}

/// The batch as bytes. Records of internal topics are left out; their batch travels empty.
pub fn encode_batch(batch: &RecordBatch) -> Vec<u8> {
    let mut attributes = if batch.transactional { TRANSACTIONAL } else { 0 };
    let mut records = Vec::new();
    let mut base_timestamp = batch.max_timestamp_ms;
    let count: i32 = match &batch.payload {
        Payload::Records(list) => {
            base_timestamp = list.first().map_or(batch.max_timestamp_ms, |r| r.timestamp_ms);
            for (i, record) in list.iter().enumerate() {
                let key = record.key.as_ref().map(bytes_of);
                let value = record.value.as_ref().map(|value| bytes_of(&value.blob()));
                let delta = record.timestamp_ms.wrapping_sub(base_timestamp);
                put_record(&mut records, i, delta, key.as_deref(), value.as_deref(), record.origin);
            }
            list.len() as i32
        }
        Payload::Marker { result, coordinator_epoch } => {
            attributes |= CONTROL;
            let kind: i16 = if *result == TransactionResult::Commit { 1 } else { 0 };
            let key = [[0, 0], kind.to_be_bytes()].concat();
            let value = [&[0, 0][..], &coordinator_epoch.to_be_bytes()[..]].concat();
            put_record(&mut records, 0, 0, Some(&key), Some(&value), Origin::default());
            1
        }
        Payload::TransactionLog(_) | Payload::GroupLog(_) | Payload::Empty => 0,
    };
    let mut checked = Vec::with_capacity(40 + records.len());
    checked.extend(attributes.to_be_bytes());
    checked.extend(batch.last_offset_delta.to_be_bytes());
    checked.extend(base_timestamp.to_be_bytes());
    checked.extend(batch.max_timestamp_ms.to_be_bytes());
    checked.extend(batch.producer_id.to_be_bytes());
    checked.extend(batch.producer_epoch.to_be_bytes());
    checked.extend(batch.base_sequence.to_be_bytes());
    checked.extend(count.to_be_bytes());
    checked.extend(records);
    let mut out = Vec::with_capacity(21 + checked.len());
    out.extend(batch.base_offset.to_be_bytes());
    out.extend((9 + checked.len() as i32).to_be_bytes());
    out.extend(batch.leader_epoch.to_be_bytes());
    out.push(2); // magic
    out.extend(crc32c::crc32c(&checked).to_be_bytes());
    out.extend(checked);
    out
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Problem::Batch("a batch ends early"))?;
        self.0 = rest;
        Ok(*head)
    }
    fn i8(&mut self) -> Read<i8> {
        Ok(i8::from_be_bytes(self.take()?))
    }
    fn i16(&mut self) -> Read<i16> {
        Ok(i16::from_be_bytes(self.take()?))
    }
    fn i32(&mut self) -> Read<i32> {
        Ok(i32::from_be_bytes(self.take()?))
    }
    fn i64(&mut self) -> Read<i64> {
        Ok(i64::from_be_bytes(self.take()?))
    }
    fn split(&mut self, length: usize) -> Read<&'a [u8]> {
        if length > self.0.len() {
            return Err(Problem::Batch("a batch is longer than what holds it"));
        }
        let (head, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(head)
    }
}

fn origin_of(bytes: &[u8]) -> Option<Origin> {
    let mut r = Reader(bytes);
    let source = u32::from_be_bytes(r.take().ok()?);
    let partition = u32::from_be_bytes(r.take().ok()?);
    let offset = r.i64().ok()?;
    let stage = u16::from_be_bytes(r.take().ok()?);
    let index = u16::from_be_bytes(r.take().ok()?);
    Some(Origin { source, partition, offset, stage, index })
}

type RawRecord<'a> = (i64, Option<&'a [u8]>, Option<&'a [u8]>, Origin);

fn take_record<'a>(bytes: &mut &'a [u8]) -> Read<RawRecord<'a>> {
    let mut body = varint::blob(bytes)?.ok_or(Problem::Batch("a record without a length"))?;
    body = body.get(1..).ok_or(Problem::Batch("a record without attributes"))?;
    let timestamp_delta = varint::take(&mut body)?;
    varint::take(&mut body)?;
    let key = varint::blob(&mut body)?;
    let value = varint::blob(&mut body)?;
    let mut origin = Origin::default();
    for _ in 0..varint::take(&mut body)? {
        let header = varint::blob(&mut body)?;
        let content = varint::blob(&mut body)?;
        if header == Some(ORIGIN) {
            origin = content.and_then(origin_of).ok_or(Problem::Batch("an origin of another length"))?;
        }
    }
    Ok((timestamp_delta, key, value, origin))
}

fn blob_of(bytes: Option<&[u8]>) -> Option<Blob> {
    bytes.map(|b| Blob::Bytes(b.into()))
}

fn decode_one(reader: &mut Reader<'_>) -> Read<RecordBatch> {
    let base_offset = reader.i64()?;
    let length = usize::try_from(reader.i32()?).map_err(|_| Problem::Batch("a negative length"))?;
    let mut r = Reader(reader.split(length)?);
    let leader_epoch = r.i32()?;
    let magic = r.i8()?;
    if magic != 2 {
        return Err(Problem::Batch("a magic that is not 2"));
    }
    let crc = u32::from_be_bytes(r.take()?);
    if crc32c::crc32c(r.0) != crc {
        return Err(Problem::Batch("a batch with a wrong checksum"));
    }
    let attributes = r.i16()?;
    if attributes & 7 != 0 {
        return Err(Problem::Batch("a compressed batch"));
    }
    let last_offset_delta = r.i32()?;
    let base_timestamp = r.i64()?;
    let max_timestamp_ms = r.i64()?;
    let producer_id = r.i64()?;
    let producer_epoch = r.i16()?;
    let base_sequence = r.i32()?;
    let count = u32::try_from(r.i32()?).map_err(|_| Problem::Batch("a negative number of records"))?;
    let mut rest = r.0;
    let payload = if count == 0 {
        Payload::Empty
    } else if attributes & CONTROL != 0 {
        let (_, key, value, _) = take_record(&mut rest)?;
        let kind = key.and_then(|k| k.get(2..4)).ok_or(Problem::Batch("a control record without a type"))?;
        let result = if kind == [0, 1] { TransactionResult::Commit } else { TransactionResult::Abort };
        let epoch = value.and_then(|v| v.get(2..6)).and_then(|v| v.try_into().ok());
        let epoch: [u8; 4] = epoch.ok_or(Problem::Batch("a marker without a coordinator epoch"))?;
        Payload::Marker { result, coordinator_epoch: i32::from_be_bytes(epoch) }
    } else {
        let mut records = Vec::new();
        for _ in 0..count {
            let (delta, key, value, origin) = take_record(&mut rest)?;
            let timestamp_ms = base_timestamp.wrapping_add(delta);
            records.push(Record { origin, timestamp_ms, key: blob_of(key), value: blob_of(value).map(Into::into) });
        }
        Payload::Records(records.into())
    };
    if !rest.is_empty() {
        return Err(Problem::Batch("more records than it counts"));
    }
    Ok(RecordBatch {
        base_offset,
        last_offset_delta,
        leader_epoch,
        transactional: attributes & TRANSACTIONAL != 0,
        producer_id,
        producer_epoch,
        base_sequence,
        max_timestamp_ms,
        size: 12 + length as u32,
        payload,
    })
}

/// The batches in `bytes`; a last one that was cut by a fetch limit is left out.
pub fn decode_batches(bytes: &[u8]) -> Read<Vec<Arc<RecordBatch>>> {
    let mut reader = Reader(bytes);
    let mut batches = Vec::new();
    while reader.0.len() >= 12 {
        let length: [u8; 4] = reader.0[8..12].try_into().expect("four bytes");
        if i64::from(i32::from_be_bytes(length)) > reader.0.len() as i64 - 12 {
            break;
        }
        batches.push(Arc::new(decode_one(&mut reader)?));
    }
    Ok(batches)
}
