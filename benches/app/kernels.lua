--!native
-- What computes, each kind for itself.
local kernels = {}

local function fib(n: number): number
    return if n < 2 then n else fib(n - 1) + fib(n - 2)
end

function kernels.fib(n)
    return fib(n)
end

function kernels.loop(n)
    local sum = 0
    for i = 1, n do
        sum = (sum + i * 3) % 1000003
    end
    return sum
end

function kernels.library_calls(n)
    local sum = 0
    for i = 1, n do
        sum += math.floor(i / 3) + string.byte("a") + math.max(i, 2) + select("#", i, i)
    end
    return sum
end

function kernels.sieve(n)
    local flags, count = {}, 0
    for i = 1, n do
        flags[i] = true
    end
    for i = 2, n do
        if flags[i] then
            count += 1
            for k = i * i, n, i do
                flags[k] = false
            end
        end
    end
    return count
end

function kernels.mandelbrot(n)
    local inside = 0
    for y = 0, n - 1 do
        for x = 0, n - 1 do
            local cr, ci, zr, zi, round = 2 * x / n - 1.5, 2 * y / n - 1, 0, 0, 0
            while round < 100 and zr * zr + zi * zi < 4 do
                zr, zi, round = zr * zr - zi * zi + cr, 2 * zr * zi + ci, round + 1
            end
            if round == 100 then
                inside += 1
            end
        end
    end
    return inside
end

local function advance(bodies, dt)
    for i = 1, #bodies do
        local one = bodies[i]
        for j = i + 1, #bodies do
            local other = bodies[j]
            local dx, dy, dz = one.x - other.x, one.y - other.y, one.z - other.z
            local square = dx * dx + dy * dy + dz * dz
            local pull = dt / (math.sqrt(square) * square)
            one.vx -= dx * other.mass * pull
            one.vy -= dy * other.mass * pull
            one.vz -= dz * other.mass * pull
            other.vx += dx * one.mass * pull
            other.vy += dy * one.mass * pull
            other.vz += dz * one.mass * pull
        end
        one.x += dt * one.vx
        one.y += dt * one.vy
        one.z += dt * one.vz
    end
end

function kernels.bodies(n)
    local bodies = {}
    for i = 1, 5 do
        bodies[i] = { x = i, y = i * 0.7, z = -i * 0.3, vx = 0.01 * i, vy = -0.02 * i, vz = 0.005 * i, mass = 1 / i }
    end
    for _ = 1, n do
        advance(bodies, 0.01)
    end
    return bodies[1].x
end

function kernels.matrix(n)
    local function make(value)
        local rows = {}
        for i = 1, n do
            rows[i] = {}
            for j = 1, n do
                rows[i][j] = value(i, j)
            end
        end
        return rows
    end
    local a = make(function(i, j) return i - j end)
    local product = make(function(i, j)
        local sum, row = 0, a[i]
        for k = 1, n do
            sum += row[k] * a[k][j]
        end
        return sum
    end)
    return product[n][1]
end

local Account = {}
Account.__index = Account

function Account:deposit(amount)
    self.balance += amount
    self.entries += 1
end

function kernels.objects(n)
    local account = setmetatable({ balance = 0, entries = 0 }, Account)
    for i = 1, n do
        account:deposit(i)
    end
    return account.balance
end

function kernels.records(n)
    local list, sum = {}, 0
    for i = 1, n do
        list[#list + 1] = { id = i, next = i + 1 }
    end
    for _, item in list do
        if item.id % 2 == 0 then
            sum += item.next
        end
    end
    return sum
end

function kernels.buffers(n)
    local bytes, sum = buffer.create(65536), 0
    for i = 0, n - 1 do
        buffer.writeu8(bytes, i % 65536, bit32.band(i * 7, 255))
        sum = bit32.bxor(bit32.lrotate(sum, 5), buffer.readu8(bytes, i % 65536))
    end
    return sum
end

function kernels.strings(n)
    local sum = 0
    for i = 1, n do
        local text = string.format("%d:%s", i, "abc") .. tostring(i)
        sum += #text:gsub("%d", "x") + #text:upper() + (text:find("c", 1, true) or 0)
    end
    return sum
end

function kernels.sorting(n)
    local list, x = {}, 1
    for i = 1, n do
        x = x * 16807 % 2147483647
        list[i] = x
    end
    table.sort(list)
    return list[1]
end

function kernels.errors(n)
    local sum = 0
    for i = 1, n do
        local _, problem = pcall(function() error({ code = i }) end)
        sum += problem.code
    end
    return sum
end

local function main(n, name)
    local start = time.now()
    assert(kernels[name](tonumber(n)))
    return tostring(time.now():sub(start):seconds())
end

return { main = main }
