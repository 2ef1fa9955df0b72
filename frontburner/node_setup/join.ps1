# Makes this machine a node of the farm whose address is the first argument.
# The command that ran this has verified it, and has the token in FRONTBURNER_TOKEN.
$wanted = '@PYTHON@'  # as the manager's: packages of another Python don't fit
$name = 'Python' + $wanted.Replace('.', '')
$test = "import sys; print(sys.executable if '%d.%d' % sys.version_info[:2] == '$wanted' and sys.maxsize > 2**32 and 'WindowsApps' not in sys.base_prefix else '')"

function Find-Python {
    # The store's Python is left out: what it installs exists for itself alone.
    $found = $null
    if (Get-Command py.exe -ErrorAction SilentlyContinue) { $found = & py.exe "-$wanted" -c $test | Select-Object -Last 1 }
    if ($found) { return $found }
    foreach ($each in 'python.exe', "$env:LOCALAPPDATA\Programs\Python\$name\python.exe", "$env:ProgramFiles\$name\python.exe", "C:\$name\python.exe") {
        if (Get-Command $each -ErrorAction SilentlyContinue) { $found = & $each -c $test }
        if ($found) { return $found }
    }
}

$python = Find-Python
if (-not $python -and (Get-Command winget.exe -ErrorAction SilentlyContinue)) {
    Write-Host "The farm's nodes need Python $wanted, which this machine lacks. It is installed now, by winget."
    & winget.exe install --exact --id "Python.Python.$wanted" --scope user --silent --accept-package-agreements --accept-source-agreements
    $python = Find-Python
}
if (-not $python) {
    Write-Warning "Python $wanted (64-bit) is missing. Install it from https://www.python.org/downloads/windows, then paste the command again."
} else {
    $program = Join-Path ([IO.Path]::GetTempPath()) "frontburner-$PID.py"
    [IO.File]::WriteAllText($program, @'
@PROGRAM@
'@)
    try { & $python $program $args } finally { Remove-Item $program; $env:FRONTBURNER_TOKEN = $null }
}
