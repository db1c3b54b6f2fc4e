use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::mpsc::{Receiver, channel};

use tempfile::TempDir;

use super::*;

struct Stage {
    folder: TempDir,
    io: tokio::runtime::Runtime,
}

impl Stage {
    fn new() -> Self {
        let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        Self { folder: TempDir::new().unwrap(), io }
    }

    /// A stream on an empty file, and its descriptor.
    fn open(&self) -> (FileStream, RawFd) {
        let path = self.folder.path().join("file");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path).unwrap();
        let descriptor = file.as_raw_fd();
        let pool = Pool::new(self.io.handle().clone(), 1);
        (FileStream::new(file, OpenMode::parse(b"w+").unwrap(), pool), descriptor)
    }
}

/// Something to give to an operation, and where its result comes.
fn answer<T: Send + 'static>() -> (IoDone<T>, Receiver<Result<T>>) {
    let (tell, told) = channel();
    (Box::new(move |result| tell.send(result).unwrap()), told)
}

fn write(stream: &FileStream, text: &str) -> Receiver<Result<()>> {
    let (done, told) = answer();
    stream.write(text.as_bytes().to_vec(), done);
    told
}

fn seek(stream: &FileStream, to: SeekFrom) -> Receiver<Result<u64>> {
    let (done, told) = answer();
    stream.seek(to, done);
    told
}

fn read(stream: &FileStream, most: usize) -> Receiver<Result<Option<Vec<u8>>>> {
    let (done, told) = answer();
    stream.read(most, done);
    told
}

#[test]
fn operations_are_done_in_the_order_in_which_they_were_asked_for() {
    let stage = Stage::new();
    let (stream, _) = stage.open();
    let writes: Vec<_> = (0..1000).map(|number| write(&stream, &format!("{number};"))).collect();
    let back = seek(&stream, SeekFrom::Start(0));
    let reads: Vec<_> = (0..2000).map(|_| read(&stream, 3)).collect();
    assert!(writes.iter().all(|told| told.recv().unwrap().is_ok()));
    assert_eq!(back.recv().unwrap().unwrap(), 0);
    let read: Vec<u8> = reads.iter().filter_map(|told| told.recv().unwrap().unwrap()).flatten().collect();
    let expected: String = (0..1000).map(|number| format!("{number};")).collect();
    assert_eq!(String::from_utf8(read).unwrap(), expected);
}

#[test]
fn closing_ends_everything_and_frees_the_descriptor() {
    let stage = Stage::new();
    let (mut done, mut refused) = (0, 0);
    for round in 0..300 {
        let (stream, descriptor) = stage.open();
        // Every third time nothing can begin before it is closed, and every third something has been done.
        let (open_gate, gate) = channel::<()>();
        if round % 3 == 0 {
            stream.0.pool.run(Box::new(move || gate.recv().unwrap()));
        }
        let asked: Vec<_> = (0..20).map(|_| write(&stream, "text")).collect();
        if round % 3 == 1 {
            asked[0].recv().unwrap().unwrap();
            done += 1;
        }
        stream.close();
        stream.close();
        // Nobody waits for that any more.
        let _ = open_gate.send(());
        for told in asked.iter().skip(usize::from(round % 3 == 1)) {
            match told.recv().unwrap() {
                Ok(()) => done += 1,
                Err(error) => {
                    assert_eq!(error.to_string(), "stream is closed");
                    refused += 1;
                }
            }
        }
        assert!(read(&stream, 1).recv().unwrap().is_err());
        // The thread that did the last of it lets go of the file right after it has told.
        while rustix::fs::readlink(format!("/proc/self/fd/{descriptor}"), Vec::new())
            .is_ok_and(|path| path.as_bytes().starts_with(stage.folder.path().as_os_str().as_encoded_bytes()))
        {
            std::thread::yield_now();
        }
    }
    assert!(done >= 100 && refused >= 100 * 20, "{done} and {refused}");
}

#[test]
fn stream_says_what_it_cannot_do() {
    let stage = Stage::new();
    let (stream, _) = stage.open();
    let file = File::open(stage.folder.path().join("file")).unwrap();
    let reader = FileStream::new(file, OpenMode::parse(b"r").unwrap(), Arc::clone(&stream.0.pool));
    assert_eq!(write(&reader, "x").recv().unwrap().unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(seek(&reader, SeekFrom::Current(-1)).recv().unwrap().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(read(&reader, usize::MAX).recv().unwrap().unwrap(), None);
    write(&stream, "text").recv().unwrap().unwrap();
    assert_eq!(read(&reader, usize::MAX).recv().unwrap().unwrap().unwrap(), b"text");
    let (done, told) = answer();
    reader.info(done);
    let info = StreamInfo { size: 4, position: 4, readable: true, writable: false, seekable: true };
    assert_eq!(told.recv().unwrap().unwrap(), info);
}
