use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use kepil_ledger::cosignature::CosignerKey;
use kepil_ledger::note::Signer;
use kepil_ledger::witness::{MAX_REQUEST_BYTES, origin_hash};
use kepil_witness::{ClientError, Witness, WitnessClient, serve};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::log::{ORIGIN, TIME, checkpoint_by, history, name, open, request, signer};

/// A witness that serves HTTP as long as this value lives.
struct Served {
    prefix: String,
    witness: Arc<Witness>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Served {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let witness = Arc::new(open(folder.path()).unwrap());
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let served = Arc::clone(&witness);
        let thread = thread::spawn(move || {
            Runtime::new().unwrap().block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let shutdown = async { stopped.await.unwrap_or_default() };
                serve(listener, served, Arc::new(|| TIME), shutdown)
                    .await
                    .unwrap();
            });
        });
        Self {
            prefix: format!("http://{}", told.recv().unwrap()),
            witness,
            stop: Some(stop),
            thread: Some(thread),
            _folder: folder,
        }
    }

    fn keys(&self) -> Vec<CosignerKey> {
        self.witness.keys().map(Clone::clone).to_vec()
    }

    fn client(&self) -> WitnessClient {
        WitnessClient::new(&self.prefix, self.keys(), Duration::from_secs(20))
    }

    /// Posts a body; gives status, media type and text.
    fn post(&self, body: &[u8]) -> (u16, String, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let url = format!("{}/add-checkpoint", self.prefix);
        let mut answer = agent.post(url).send(body).unwrap();
        let media_type = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), media_type, text)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn a_log_gets_cosignatures_and_anybody_the_latest_checkpoint() {
    let served = Served::new();
    let client = served.client();
    let tree = history(0, 0);
    assert_eq!(client.latest(&name(ORIGIN)).unwrap(), None);
    let mut known = 0;
    for size in [0, 3, 3, 12] {
        let asked = request(&tree, known, size);
        let lines = client.add_checkpoint(&asked).unwrap();
        assert_eq!(lines.len(), 2);
        let mut cosigned = asked.checkpoint;
        for line in lines {
            cosigned.append(line).unwrap();
        }
        let times = cosigned.cosignatures(&served.keys()).unwrap();
        assert!(times.iter().all(|cosignature| cosignature.time == TIME));
        assert_eq!(client.latest(&name(ORIGIN)).unwrap(), Some(cosigned));
        known = size;
    }
    let get = |path: &str| {
        let url = format!("{}/{path}", served.prefix);
        let mut answer = ureq::get(url).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    };
    let keys: Vec<CosignerKey> = get("key")
        .lines()
        .map(|vkey| CosignerKey::parse(vkey).unwrap())
        .collect();
    assert_eq!(keys, served.keys());
    let latest = get(&format!("{}/checkpoint", origin_hash(&name(ORIGIN))));
    assert!(latest.starts_with("log.example/test\n12\n"));
}

#[test]
fn a_refusal_has_its_status_and_says_why() {
    let served = Served::new();
    let client = served.client();
    let tree = history(0, 0);
    let fork = history(1, 2);
    client.add_checkpoint(&request(&tree, 0, 5)).unwrap();

    let text = "text/plain; charset=utf-8".to_owned();
    let stranger = Signer::from_seed(name("stranger.example"), &[1; 32]);
    let twin = Signer::from_seed(name(ORIGIN), &[1; 32]);
    let by = |signer: &Signer| {
        let mut asked = request(&tree, 5, 7);
        asked.checkpoint = checkpoint_by(signer, &tree, 7);
        asked.to_string()
    };
    let cases = [
        ("nonsense".to_owned(), 400, "no empty line"),
        (request(&tree, 7, 5).to_string(), 400, "larger"),
        (by(&twin), 403, "not signed by its log"),
        (by(&stranger), 404, "not of a log that is witnessed here"),
        (request(&fork, 5, 5).to_string(), 409, "another tree of 5"),
        (request(&fork, 5, 7).to_string(), 422, "does not continue"),
    ];
    for (body, status, reason) in cases {
        let answer = served.post(body.as_bytes());
        assert_eq!((answer.0, &answer.1), (status, &text), "{answer:?}");
        assert!(answer.2.contains(reason), "{answer:?}");
    }
    let answer = served.post(request(&tree, 3, 7).to_string().as_bytes());
    let size = (409, "text/x.tlog.size".to_owned(), "5\n".to_owned());
    assert_eq!(answer, size);
    let answer = served.post(&vec![b'x'; MAX_REQUEST_BYTES + 1]);
    assert_eq!(answer.0, 413);

    // The client tells the size from all other refusals.
    assert!(matches!(
        client.add_checkpoint(&request(&tree, 3, 7)),
        Err(ClientError::OtherSize { known: 5, .. })
    ));
    match client.add_checkpoint(&request(&fork, 5, 5)) {
        Err(ClientError::Refused {
            status: 409,
            reason,
            ..
        }) => {
            assert!(reason.contains("another tree"));
        }
        other => panic!("{other:?}"),
    }
    client.add_checkpoint(&request(&tree, 5, 7)).unwrap();
}

#[test]
fn a_client_takes_only_lines_of_keys_it_knows() {
    let served = Served::new();
    let [ed25519, ml_dsa] = [0, 1].map(|at| served.keys()[at].clone());
    let asked = request(&history(0, 0), 0, 5);
    let client = |keys| WitnessClient::new(&served.prefix, keys, Duration::from_secs(20));
    let lines = client(vec![ml_dsa.clone()]).add_checkpoint(&asked).unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].id(), ml_dsa.id());
    let again = request(&history(0, 0), 5, 5);
    let lines = client(vec![ed25519]).add_checkpoint(&again).unwrap();
    assert_eq!(lines.len(), 1);
    assert!(matches!(
        client(vec![]).add_checkpoint(&again),
        Err(ClientError::NotCosigned { .. })
    ));
}

#[test]
fn a_witness_out_of_reach_is_an_error() {
    let client = WitnessClient::new("http://127.0.0.1:1/", vec![], Duration::from_secs(5));
    assert_eq!(client.prefix(), "http://127.0.0.1:1");
    let error = client
        .add_checkpoint(&request(&history(0, 0), 0, 1))
        .unwrap_err();
    assert!(matches!(error, ClientError::Transport { .. }));
    assert_eq!(
        error.to_string(),
        "asking the witness at `http://127.0.0.1:1`"
    );
}

#[test]
fn of_many_forks_posted_at_once_one_is_cosigned() {
    let served = Served::new();
    let signed: Vec<u8> = thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|branch| {
                let client = served.client();
                scope.spawn(move || {
                    let asked = request(&history(branch, 0), 0, 3);
                    client.add_checkpoint(&asked).is_ok().then_some(branch)
                })
            })
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().unwrap())
            .collect()
    });
    let [branch] = signed[..] else {
        panic!("cosigned: {signed:?}")
    };
    let latest = served.witness.latest(&name(ORIGIN)).unwrap();
    let expected = checkpoint_by(&signer(), &history(branch, 0), 3);
    assert_eq!(latest.unverified(), expected.unverified());
}
