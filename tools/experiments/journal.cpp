#include "journal.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "folder_lock.hpp"

namespace ia_experiments {

namespace fs = std::filesystem;

namespace {

using nlohmann::ordered_json;

constexpr int format_version = 1;
constexpr int application_id = 0x69616578; // "iaex"; file(1) and others read it
/// A reader, such as sqlite3 on the command line, may keep the database for a moment.
constexpr int busy_timeout_ms = 10'000;

constexpr const char* schema = R"(
CREATE TABLE session (
  id INTEGER PRIMARY KEY,
  started REAL NOT NULL,
  ended REAL,
  process INTEGER NOT NULL,
  command TEXT NOT NULL,
  code_hash TEXT NOT NULL,
  configuration_hash TEXT NOT NULL,
  seed INTEGER NOT NULL,
  configuration TEXT NOT NULL
);
CREATE TABLE trial (
  id TEXT PRIMARY KEY,
  parameters TEXT NOT NULL,
  number INTEGER
);
CREATE TABLE attempt (
  id INTEGER PRIMARY KEY,
  session INTEGER NOT NULL REFERENCES session,
  trial TEXT NOT NULL REFERENCES trial,
  hash TEXT NOT NULL,
  worker TEXT NOT NULL,
  started REAL NOT NULL,
  heartbeat REAL NOT NULL,
  ended REAL,
  how TEXT,
  problem TEXT
);
CREATE TABLE metric (
  attempt INTEGER NOT NULL REFERENCES attempt,
  step INTEGER NOT NULL,
  name TEXT NOT NULL,
  value REAL,
  PRIMARY KEY (attempt, step, name)
) WITHOUT ROWID;
CREATE TABLE result (
  hash TEXT PRIMARY KEY,
  trial TEXT NOT NULL REFERENCES trial,
  attempt INTEGER NOT NULL REFERENCES attempt,
  outcome TEXT NOT NULL,
  result TEXT NOT NULL,
  problem TEXT NOT NULL,
  details TEXT NOT NULL,
  seconds REAL NOT NULL,
  attempts INTEGER NOT NULL,
  ended REAL NOT NULL
);
)";

fs::path database_in(const fs::path& folder) {
  return folder / "journal.sqlite";
}

outcome outcome_of(const std::string& text) {
  for (auto one : {outcome::done, outcome::failed, outcome::pruned})
    if (to_string(one) == text)
      return one;
  throw std::runtime_error("the outcome '" + text + "' is unknown");
}

void check_format(SQLite::Database& database) {
  if (int kind = database.execAndGet("PRAGMA application_id"); kind != application_id)
    throw std::runtime_error("it is a database of something else");
  if (int version = database.execAndGet("PRAGMA user_version"); version != format_version)
    throw std::runtime_error("its format is " + std::to_string(version) + ", and this program knows "
                             + std::to_string(format_version) + "; give another folder");
}

void read_results(SQLite::Database& database, journal_contents& into) {
  SQLite::Statement results{
      database, "SELECT hash, outcome, result, problem, details, seconds, attempts, ended FROM result"};
  while (results.executeStep())
    into.results[results.getColumn(0).getString()] = {
        .what = outcome_of(results.getColumn(1).getString()),
        .values = ordered_json::parse(results.getColumn(2).getString()),
        .problem = results.getColumn(3).getString(),
        .details = results.getColumn(4).getString(),
        .seconds = results.getColumn(5).getDouble(),
        .attempts = results.getColumn(6).getUInt(),
        .ended = results.getColumn(7).getDouble()};
  SQLite::Statement metrics{database,
                            "SELECT result.hash, metric.step, metric.name, metric.value FROM result "
                            "JOIN metric ON metric.attempt = result.attempt "
                            "WHERE result.outcome = 'done' ORDER BY result.hash, metric.step"};
  while (metrics.executeStep()) {
    auto& all = into.reports[metrics.getColumn(0).getString()];
    auto step = metrics.getColumn(1).getInt64();
    if (all.empty() || all.back().step != step)
      all.push_back({step, {}});
    auto value = metrics.getColumn(3);
    all.back().metrics[metrics.getColumn(2).getString()] =
        value.isNull() ? std::numeric_limits<double>::quiet_NaN() : value.getDouble();
  }
}

journal_contents read(SQLite::Database& database) {
  check_format(database);
  journal_contents result;
  SQLite::Statement session{
      database, "SELECT configuration, ended IS NULL, started, id FROM session ORDER BY id DESC LIMIT 1"};
  if (!session.executeStep())
    return result;
  result.configuration = configuration::from_json(ordered_json::parse(session.getColumn(0).getString()));
  bool killed = session.getColumn(1).getInt() != 0;
  if (killed)
    result.last_heartbeat = session.getColumn(2).getDouble();
  SQLite::Statement trials{database, "SELECT id, coalesce(number, 0), parameters FROM trial"};
  while (trials.executeStep()) {
    auto id = trials.getColumn(0).getString();
    result.trials[id] = {.id = id,
                         .number = static_cast<std::size_t>(trials.getColumn(1).getInt64()),
                         .parameters = ordered_json::parse(trials.getColumn(2).getString())};
  }
  read_results(database, result);
  if (killed) {
    SQLite::Statement running{
        database, "SELECT trial, heartbeat FROM attempt WHERE ended IS NULL AND session = ? ORDER BY id"};
    running.bind(1, session.getColumn(3).getInt64());
    while (running.executeStep()) {
      result.unfinished.push_back(running.getColumn(0).getString());
      result.last_heartbeat = std::max(result.last_heartbeat, running.getColumn(1).getDouble());
    }
  }
  return result;
}

[[noreturn]] void fail(const fs::path& folder, const std::exception& problem) {
  throw std::runtime_error("the journal '" + database_in(folder).string() + "': " + problem.what());
}

} // namespace

std::string to_string(outcome what) {
  switch (what) {
  case outcome::done:
    return "done";
  case outcome::failed:
    return "failed";
  case outcome::pruned:
    return "pruned";
  }
  return "unknown";
}

double wall_clock() {
  return std::chrono::duration<double>{std::chrono::system_clock::now().time_since_epoch()}.count();
}

// -- the writer
// -------------------------------------------------------------------------------------------------------------

class journal::writer {
public:
  struct record {
    std::function<void(writer&)> write;
    std::function<void()> committed;
  };

  writer(const fs::path& folder, std::function<void(const std::string&)> on_trouble)
      : lock_{folder},
        database_{database_in(folder).string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
                  busy_timeout_ms},
        on_trouble_{std::move(on_trouble)} {
    database_.exec("PRAGMA journal_mode=WAL");
    database_.exec("PRAGMA synchronous=NORMAL");
    database_.exec("PRAGMA foreign_keys=ON");
    SQLite::Transaction transaction{database_, SQLite::TransactionBehavior::IMMEDIATE};
    if (database_.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 0) {
      database_.exec("PRAGMA application_id=" + std::to_string(application_id));
      database_.exec("PRAGMA user_version=" + std::to_string(format_version));
      database_.exec(schema);
    }
    transaction.commit();
  }
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;
  ~writer() { end(); }

  journal_contents contents() { return read(database_); }

  void begin(const configuration& how, const std::vector<trial>& plan, const std::string& command) {
    SQLite::Transaction transaction{database_, SQLite::TransactionBehavior::IMMEDIATE};
    // What ran when another session was killed.
    database_.exec("UPDATE attempt SET ended = heartbeat, how = 'lost' WHERE ended IS NULL");
    database_.exec("UPDATE trial SET number = NULL");
    SQLite::Statement planned{database_, "INSERT INTO trial (id, parameters, number) VALUES (?, ?, ?) "
                                         "ON CONFLICT (id) DO UPDATE SET number = excluded.number"};
    for (auto& one : plan)
      run(planned, one.id, one.parameters.dump(), static_cast<std::int64_t>(one.number));
    SQLite::Statement session{
        database_, "INSERT INTO session (started, process, command, code_hash, configuration_hash, seed, "
                   "configuration) VALUES (?, ?, ?, ?, ?, ?, ?)"};
    run(session, wall_clock(), static_cast<std::int64_t>(::getpid()), command, how.code_hash(), how.hash(),
        static_cast<std::int64_t>(how.seed), how.to_json().dump());
    session_ = database_.getLastInsertRowid();
    next_attempt_ = database_.execAndGet("SELECT coalesce(max(id), 0) + 1 FROM attempt").getInt64();
    transaction.commit();
    start_.emplace(database_, "INSERT INTO attempt (id, session, trial, hash, worker, started, heartbeat) "
                              "VALUES (?, ?, ?, ?, ?, ?, ?)");
    heartbeat_.emplace(database_, "UPDATE attempt SET heartbeat = ? WHERE id = ?");
    metric_.emplace(database_,
                    "INSERT OR REPLACE INTO metric (attempt, step, name, value) VALUES (?, ?, ?, ?)");
    end_.emplace(database_,
                 "UPDATE attempt SET ended = ?, how = ?, problem = ? WHERE id = ? AND ended IS NULL");
    result_.emplace(
        database_,
        "INSERT OR REPLACE INTO result (hash, trial, attempt, outcome, result, problem, details, seconds, "
        "attempts, ended) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    thread_ = std::thread{[this] { write_all(); }};
  }

  attempt next_attempt() {
    std::lock_guard guard{mutex_};
    return next_attempt_++;
  }

  void add(record one) {
    {
      std::lock_guard guard{mutex_};
      waiting_.push_back(std::move(one));
    }
    changed_.notify_one();
  }

  /// Commits what waits, and ends the thread.
  void end() {
    if (!thread_.joinable())
      return;
    add({[](writer& self) {
           SQLite::Statement session{self.database_, "UPDATE session SET ended = ? WHERE id = ?"};
           run(session, wall_clock(), self.session_);
         },
         nullptr});
    {
      std::lock_guard guard{mutex_};
      over_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  template <class... Values>
  static void run(SQLite::Statement& statement, const Values&... values) {
    statement.reset();
    statement.clearBindings();
    int place = 0;
    (statement.bind(++place, values), ...);
    statement.exec();
  }

  SQLite::Statement& start() { return *start_; }
  SQLite::Statement& heartbeat() { return *heartbeat_; }
  SQLite::Statement& metric() { return *metric_; }
  SQLite::Statement& end_of_attempt() { return *end_; }
  SQLite::Statement& result() { return *result_; }
  std::int64_t session() const { return session_; }

private:
  void write_all() {
    ::pthread_setname_np(::pthread_self(), "journal");
    bool works = true;
    std::unique_lock guard{mutex_};
    for (;;) {
      changed_.wait(guard, [this] { return over_ || !waiting_.empty(); });
      if (waiting_.empty())
        return;
      auto records = std::exchange(waiting_, {});
      guard.unlock();
      if (works)
        works = write(records);
      records.clear();
      guard.lock();
    }
  }

  bool write(const std::vector<record>& records) {
    try {
      SQLite::Transaction transaction{database_, SQLite::TransactionBehavior::IMMEDIATE};
      for (auto& one : records)
        one.write(*this);
      transaction.commit();
    } catch (const SQLite::Exception& problem) {
      on_trouble_(std::string{"the journal cannot be written: "} + problem.what());
      return false;
    }
    for (auto& one : records)
      if (one.committed)
        one.committed();
    return true;
  }

  const folder_lock lock_;
  SQLite::Database database_; // the owner's until the thread starts, then the thread's
  const std::function<void(const std::string&)> on_trouble_;
  std::int64_t session_ = 0;
  std::optional<SQLite::Statement> start_, heartbeat_, metric_, end_, result_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<record> waiting_;
  attempt next_attempt_ = 1;
  bool over_ = false;
  std::thread thread_;
};

// -- the journal
// -------------------------------------------------------------------------------------------------------------

journal::journal(const fs::path& folder, std::function<void(const std::string&)> on_trouble) {
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem)
    throw std::runtime_error("cannot make the folder '" + folder.string() + "': " + problem.message());
  try {
    writer_ = std::make_unique<writer>(folder, std::move(on_trouble));
    contents_ = writer_->contents();
  } catch (const SQLite::Exception& reason) {
    fail(folder, reason);
  } catch (const nlohmann::json::exception& reason) {
    fail(folder, reason);
  }
}

journal::~journal() = default;

void journal::begin(const configuration& how, const std::vector<trial>& plan, const std::string& command) {
  try {
    writer_->begin(how, plan, command);
  } catch (const SQLite::Exception& reason) {
    throw std::runtime_error(std::string{"the journal cannot be written: "} + reason.what());
  }
}

journal::attempt journal::start(const std::string& trial_id, const std::string& hash,
                                const std::string& worker) {
  auto one = writer_->next_attempt();
  auto now = wall_clock();
  writer_->add(
      {[=](writer& to) { writer::run(to.start(), one, to.session(), trial_id, hash, worker, now, now); },
       nullptr});
  return one;
}

void journal::heartbeat(const std::vector<attempt>& running) {
  if (running.empty())
    return;
  writer_->add({[running, now = wall_clock()](writer& to) {
                  for (auto one : running)
                    writer::run(to.heartbeat(), now, one);
                },
                nullptr});
}

void journal::report(attempt one, metric_report what) {
  writer_->add({[one, what = std::move(what)](writer& to) {
                  for (auto& [name, value] : what.metrics)
                    writer::run(to.metric(), one, what.step, name, value); // no number is NULL in SQLite
                },
                nullptr});
}

void journal::end(attempt one, const std::string& how, const std::string& problem) {
  writer_->add(
      {[=, now = wall_clock()](writer& to) { writer::run(to.end_of_attempt(), now, how, problem, one); },
       nullptr});
}

void journal::finish(attempt one, const std::string& hash, const std::string& trial_id, trial_result result,
                     std::function<void()> committed) {
  writer_->add({[=, result = std::move(result)](writer& to) {
                  writer::run(to.end_of_attempt(), result.ended, to_string(result.what), result.problem, one);
                  writer::run(to.result(), hash, trial_id, one, to_string(result.what), result.values.dump(),
                              result.problem, result.details, result.seconds, result.attempts, result.ended);
                },
                std::move(committed)});
}

void journal::close() {
  writer_->end();
}

journal_contents read_journal(const fs::path& folder) {
  auto path = database_in(folder);
  if (!fs::exists(path))
    throw std::runtime_error("there is no journal '" + path.string() + "'");
  try {
    SQLite::Database database{path.string(), SQLite::OPEN_READWRITE, busy_timeout_ms};
    return read(database);
  } catch (const SQLite::Exception& reason) {
    fail(folder, reason);
  } catch (const nlohmann::json::exception& reason) {
    fail(folder, reason);
  }
}

} // namespace ia_experiments
