-- For wrk: sends the requests of a file one after the other, each as it stands, and counts the answers that are not as
-- expected. A line of the file is method, path, bearer token and body, with tabs between.

local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long us; } bench_time; int gettimeofday(bench_time *now, void *zone);")

local threads = {}
local requests = {}
local position = 0
local time = ffi.new("bench_time")

local function now()
  ffi.C.gettimeofday(time, nil)
  return tonumber(time.s) + tonumber(time.us) / 1e6
end

function setup(thread)
  thread:set("place", #threads)
  table.insert(threads, thread)
end

-- What is not local here is read by done(), which runs elsewhere.
function init(arguments)
  local file, count = arguments[1], tonumber(arguments[5])
  expected, content, once = tonumber(arguments[2]), arguments[3], arguments[4] == "once"
  answered, wrong, example, began, ended = 0, 0, "", 0, 0
  local number = 0
  for line in io.lines(file) do
    if number % count == place then -- several threads share the file out
      local method, path, bearer, body = line:match("^(%S*)\t(%S*)\t(%S*)\t(.*)$")
      local headers = {}
      for name, value in pairs(wrk.headers) do headers[name] = value end
      if bearer ~= "" then headers["Authorization"] = "Bearer " .. bearer end
      if body == "" then body = nil end
      table.insert(requests, wrk.format(method, path, headers, body))
    end
    number = number + 1
  end
end

function request()
  if position == 0 then began = now() end
  position = position + 1
  if position > #requests then
    if once then
      wrk.thread:stop()
      return requests[#requests]
    end
    position = 1
  end
  return requests[position]
end

function response(status, headers, body)
  answered = answered + 1
  if once then ended = now() end
  if status ~= expected or not body:find(content, 1, true) then
    wrong = wrong + 1
    example = status .. " " .. body:sub(1, 300):gsub("[%c\"\\]", " ")
  end
end

function done(summary, latency, requests)
  local answered, wrong, example, began, ended = 0, 0, "", math.huge, 0
  for _, thread in ipairs(threads) do
    answered, wrong = answered + thread:get("answered"), wrong + thread:get("wrong")
    if thread:get("example") ~= "" then example = thread:get("example") end
    began, ended = math.min(began, thread:get("began")), math.max(ended, thread:get("ended"))
  end
  -- Where the requests ran out, wrk waits all the same.
  local seconds = ended > 0 and ended - began or summary.duration / 1e6
  local e = summary.errors
  print(string.format(
    'RESULT {"answered": %d, "seconds": %.6f, "p50_ms": %.3f, "p90_ms": %.3f, "p99_ms": %.3f, "wrong": %d, ' ..
    '"broken": %d, "example": "%s"}',
    answered, seconds, latency:percentile(50) / 1e3, latency:percentile(90) / 1e3,
    latency:percentile(99) / 1e3, wrong, e.connect + e.read + e.write + e.timeout, example))
end
