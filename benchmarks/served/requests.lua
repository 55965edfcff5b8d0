-- The requests of wrk. Arguments: the Authorization header, a file with a body on each
-- line, and `rotates` if a body is sent once: the refresh token of its response makes
-- the next one.
local waiting, first, last = {}, 1, 0
local rotates = false

local function wait(request)
    last = last + 1
    waiting[last] = request
end

local function rotate(_, _, body)
    local token = body:match('"refresh_token"%s*:%s*"([^"]+)"')
    if token then
        local sent = "grant_type=refresh_token&refresh_token=" .. token
        wait(wrk.format(nil, nil, nil, sent))
    end
end

function init(args)
    wrk.method = "POST"
    wrk.headers["Authorization"] = args[1]
    wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
    for body in io.lines(args[2]) do
        wait(wrk.format(nil, nil, nil, body))
    end
    rotates = args[3] == "rotates"
    if rotates then
        response = rotate
    end
end

function request()
    local chosen = waiting[first]
    waiting[first] = nil
    first = first + 1
    if not rotates then
        wait(chosen)
    end
    return chosen
end

function done(summary, latency, _)
    local errors = summary.errors
    local broken = errors.connect + errors.read + errors.write + errors.timeout
    io.write(string.format(
        "measured %d %d %d %d %d\n",
        summary.requests, summary.duration, broken, errors.status,
        latency:percentile(99)
    ))
end
