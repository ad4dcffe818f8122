//! A server with the module, in a folder of its own. It ends with this program.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

pub struct Server {
    dir: PathBuf,
    child: Child,
}

impl Server {
    pub fn start() -> Self {
        let module = PathBuf::from(env::var_os("REDIS_RL_MODULE").expect("REDIS_RL_MODULE names the module"));
        let module = module.canonicalize().expect("the module is built");
        let program = env::var_os("REDIS_RL_SERVER").unwrap_or_else(|| "redis-server".into());
        let dir = env::temp_dir().join(format!("redis-cell-clients-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let child = Command::new(program)
            .current_dir(&dir)
            .args(["--port", "0", "--unixsocket", "server.sock", "--save", ""])
            .args(["--logfile", "server.log", "--loadmodule"])
            .arg(module)
            .args(["cl-throttle", "yes"])
            .stdout(Stdio::null())
            .spawn()
            .expect("a server");
        let server = Self { dir, child };
        let begin = Instant::now();
        while server.client("resp2").get_connection().is_err() {
            let log = || fs::read_to_string(server.dir.join("server.log")).unwrap_or_default();
            assert!(begin.elapsed() < Duration::from_secs(60), "the server does not answer: {}", log());
            thread::sleep(Duration::from_millis(5));
        }
        server
    }

    pub fn client(&self, protocol: &str) -> redis::Client {
        let socket = self.dir.join("server.sock");
        redis::Client::open(format!("redis+unix://{}?protocol={protocol}", socket.display())).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}
